package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

func (f *file) validateDatabase() {
	f.validateEngineVersion()
	f.validateWindows()

	serverless := f.environment.Database.Serverless
	if serverless.MinimumCapacity > serverless.MaximumCapacity {
		f.reject(fmt.Sprintf("a minimum of %s is more than a maximum of %s", f.show("database.serverless.minimumCapacity", serverless.MinimumCapacity), f.show("database.serverless.maximumCapacity", serverless.MaximumCapacity)),
			"database.serverless.minimumCapacity", "database.serverless.maximumCapacity")
	}
	// What would have no effect is refused: somebody expects one.
	const capacity, class = "database.serverless", "database.instanceClass"
	if f.lines[capacity] > 0 && !f.environment.Database.IsServerless() {
		f.reject(fmt.Sprintf("has no effect with the instance class %s; it needs %s", f.show(class, f.environment.Database.InstanceClass), serverlessClass), capacity, class)
	}
}

func (f *file) validateEngineVersion() {
	const at = "database.engineVersion"
	value := f.environment.Database.EngineVersion
	major, minor, exact := strings.Cut(value, ".")
	i := slices.IndexFunc(auroraVersions, func(version auroraVersion) bool { return version.major == major })
	number, _ := strconv.Atoi(minor)
	if i < 0 || exact && number < auroraVersions[i].oldest && number != auroraVersions[i].longTermSupport {
		f.reject(fmt.Sprintf("%s is not a version that Aurora PostgreSQL offers; allowed: %s", f.show(at, value), limits[at].Allowed()), at)
	}
}

const (
	minutesPerDay  = 24 * 60
	minutesPerWeek = 7 * minutesPerDay
	shortestWindow = 30 // minutes, for both: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBCluster.html
)

func (f *file) validateWindows() {
	const backup, maintenance = "database.backupWindow", "database.maintenanceWindow"
	if f.isRejected(backup) || f.isRejected(maintenance) {
		return
	}
	database := f.environment.Database
	backupStart, backupLength := window(database.BackupWindow, minutesPerDay)
	maintenanceStart, maintenanceLength := window(database.MaintenanceWindow, minutesPerWeek)
	if backupLength < shortestWindow {
		f.reject(fmt.Sprintf("%s lasts %d minutes; allowed: %d or more", f.show(backup, database.BackupWindow), backupLength, shortestWindow), backup)
	}
	if maintenanceLength < shortestWindow {
		f.reject(fmt.Sprintf("%s lasts %d minutes; allowed: %d or more", f.show(maintenance, database.MaintenanceWindow), maintenanceLength, shortestWindow), maintenance)
	}
	for day := range 7 {
		start := day*minutesPerDay + backupStart
		if overlap(start, backupLength, maintenanceStart, maintenanceLength) {
			f.reject(fmt.Sprintf("the maintenance window %s overlaps the backup window %s; RDS wants them apart", f.show(maintenance, database.MaintenanceWindow), f.show(backup, database.BackupWindow)), maintenance, backup)
			return
		}
	}
}

// window returns the start and the length in minutes of a window that matches its limit; the
// end may lie past the end of the period.
func window(text string, period int) (start, length int) {
	from, to, _ := strings.Cut(text, "-")
	start = minuteOf(from)
	return start, (minuteOf(to) - start + period) % period
}

// minuteOf returns the minute of the day of hh:mm, or of the week of ddd:hh:mm.
func minuteOf(text string) int {
	days := []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	time := text[len(text)-len("hh:mm"):]
	hour, _ := strconv.Atoi(time[:2])
	minute, _ := strconv.Atoi(time[3:])
	return max(slices.Index(days, text[:3]), 0)*minutesPerDay + hour*60 + minute
}

// overlap reports whether two windows of the week share a minute.
func overlap(start, length, otherStart, otherLength int) bool {
	distance := (otherStart - start + minutesPerWeek) % minutesPerWeek
	return distance < length || minutesPerWeek-distance < otherLength
}
