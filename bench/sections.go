package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"text/tabwriter"
	"time"
)

// fewer is how often the sections are measured that take long.
func (b bench) fewer() int { return max(1, b.runs*3/7) }

// table prints samples in the order of names.
func table(samples map[string]sample, names ...string) {
	writer := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(writer, "\ttime\tpeak memory\t")
	for _, name := range names {
		s := samples[name]
		fmt.Fprintf(writer, "%s\t%s\t%d MB\t\n", name, seconds(s.time()), s.peak()/1e6)
	}
	writer.Flush()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d)/1e6) }

func ratio(what string, above, below float64, goal string) {
	fmt.Printf("%s: %.2f (goal: %s)\n", what, above/below, goal)
}

// synth compares the project with the fast and the stock kernel, with the floor and the empty program.
func (b bench) synth() error {
	floor := b.synthesis("floor", b.program("floor"), b.output("fast"))
	samples, err := measure(b.runs, floor, b.synthesis("empty", b.program("empty")), b.project("stock"), b.project("fast"))
	if err != nil {
		return err
	}
	resources, err := b.compareOutputs()
	if err != nil {
		return err
	}
	table(samples, "empty", "floor", "stock", "fast")
	stock, fast := samples["stock"], samples["fast"]
	fmt.Printf("%d resources and data sources; floor, stock and fast wrote the same\n", resources)
	ratio("fast / floor", float64(fast.time()), float64(samples["floor"].time()), "at most 1.5")
	ratio("stock / fast", float64(stock.time()), float64(fast.time()), "at least 3")
	ratio("memory stock / fast", float64(stock.peak()), float64(fast.peak()), "at least 6")
	return nil
}

// compareOutputs answers how many resources and data sources the stacks hold. It is an error if the two
// kernels differ in a byte, or the floor in anything but CDKTF's notes about the stack.
func (b bench) compareOutputs() (int, error) {
	files, err := filepath.Glob(filepath.Join(b.output("fast"), "stacks", "*", "cdk.tf.json"))
	if err != nil || len(files) == 0 {
		return 0, errors.Join(fmt.Errorf("no stack below %s", b.output("fast")), err)
	}
	count := 0
	for _, file := range files {
		relative, err := filepath.Rel(b.output("fast"), file)
		if err != nil {
			return 0, err
		}
		var texts [3][]byte
		for i, name := range []string{"fast", "stock", "floor"} {
			if texts[i], err = os.ReadFile(filepath.Join(b.output(name), relative)); err != nil {
				return 0, err
			}
		}
		if string(texts[0]) != string(texts[1]) {
			return 0, fmt.Errorf("%s differs between the kernels", relative)
		}
		var fast, floor map[string]any
		if err := errors.Join(json.Unmarshal(texts[0], &fast), json.Unmarshal(texts[2], &floor)); err != nil {
			return 0, fmt.Errorf("%s: %w", relative, err)
		}
		delete(fast, "//")
		delete(floor, "//")
		if !reflect.DeepEqual(fast, floor) {
			return 0, fmt.Errorf("%s differs between the project and the floor", relative)
		}
		for _, section := range []string{"resource", "data"} {
			types, _ := fast[section].(map[string]any)
			for _, elements := range types {
				count += len(elements.(map[string]any))
			}
		}
	}
	return count, nil
}

// cold measures with a package cache that is empty at every start.
func (b bench) cold() error {
	cache := filepath.Join(b.work, "package-cache")
	var candidates []candidate
	for _, name := range []string{"stock", "fast"} {
		c := b.project(name)
		c.variables = append(c.variables, "JSII_RUNTIME_PACKAGE_CACHE_ROOT="+cache)
		c.before = func() error { return os.RemoveAll(cache) }
		candidates = append(candidates, c)
	}
	samples, err := measure(b.fewer(), candidates...)
	if err != nil {
		return err
	}
	table(samples, "stock", "fast")
	return os.RemoveAll(cache)
}

// resources takes the cost of one from the difference of two stacks.
func (b bench) resources() error {
	const few, many = 1, 1001
	var candidates []candidate
	for _, name := range []string{"stock", "fast"} {
		for _, count := range []int{few, many} {
			c := b.synthesis(name, b.program("resources"), strconv.Itoa(count))
			c.name = fmt.Sprint(name, count)
			candidates = append(candidates, c)
		}
	}
	samples, err := measure(b.fewer(), candidates...)
	if err != nil {
		return err
	}
	for _, name := range []string{"stock", "fast"} {
		from, to := samples[fmt.Sprint(name, few)], samples[fmt.Sprint(name, many)]
		fmt.Printf("%s: %s and %d KB each (%d resources in %s, %d in %s)\n", name,
			milliseconds((to.time()-from.time())/(many-few)), (to.peak()-from.peak())/(many-few)/1000,
			few, seconds(from.time()), many, seconds(to.time()))
	}
	return nil
}

// environments copies the first environment file of the project.
func (b bench) environments() error {
	files, err := filepath.Glob(filepath.Join("environments", "*.yaml"))
	if err != nil || len(files) == 0 {
		return errors.Join(errors.New("no file environments/*.yaml"), err)
	}
	content, err := os.ReadFile(files[0])
	if err != nil {
		return err
	}
	counts := []int{3, 10, 30}
	var candidates []candidate
	for _, count := range counts {
		folder := filepath.Join(b.work, fmt.Sprint("environments of ", count))
		if err := os.MkdirAll(filepath.Join(folder, "environments"), 0o700); err != nil {
			return err
		}
		for i := range count {
			name := filepath.Join(folder, "environments", fmt.Sprintf("copy%d.yaml", i))
			if err := os.WriteFile(name, content, 0o600); err != nil {
				return err
			}
		}
		for _, kernel := range []string{"stock", "fast"} {
			c := b.project(kernel)
			c.name, c.folder = fmt.Sprint(kernel, count), folder
			candidates = append(candidates, c)
		}
	}
	samples, err := measure(b.fewer(), candidates...)
	if err != nil {
		return err
	}
	fmt.Printf("copies of %s\n", files[0])
	var names []string
	for _, kernel := range []string{"stock", "fast"} {
		for _, count := range counts {
			names = append(names, fmt.Sprint(kernel, count))
		}
	}
	table(samples, names...)
	for i := 1; i < len(counts); i++ {
		from, to := samples[fmt.Sprint("fast", counts[i-1])], samples[fmt.Sprint("fast", counts[i])]
		fmt.Printf("fast, %d to %d environments: %s each\n", counts[i-1], counts[i],
			seconds((to.time()-from.time())/time.Duration(counts[i]-counts[i-1])))
	}
	return nil
}

// cli measures the cdktf command with the app command of cdktf.json, and with one that only copies an
// output, which leaves the command's own share. Its checks of versions on the internet are switched off.
func (b bench) cli() error {
	var candidates []candidate
	for _, name := range []string{"stock", "fast", "the command alone"} {
		c := b.synthesis(name, "npx", "cdktf", "synth", "--output", b.output("cli"))
		if name == "the command alone" {
			c.command = append(c.command, "--app", fmt.Sprintf(`mkdir -p "$CDKTF_OUTDIR" && cp -R "%s/." "$CDKTF_OUTDIR"`, b.output("fast")))
		}
		c.variables = append(c.variables, "CHECKPOINT_DISABLE=1", "DISABLE_VERSION_CHECK=1")
		candidates = append(candidates, c)
	}
	samples, err := measure(b.fewer(), candidates...)
	if err != nil {
		return err
	}
	table(samples, "stock", "fast", "the command alone")
	return nil
}

// app compares ways of starting the program that cdktf.json could name.
func (b bench) app() error {
	candidates := []candidate{
		b.synthesis("go run .", "go", "run", "."),
		b.synthesis("go build and the program", "sh", "-c", `go build -o "$0" . && "$0"`, b.program("built")),
		b.synthesis("the program alone", b.program("tap")),
	}
	samples, err := measure(b.runs, candidates...)
	if err != nil {
		return err
	}
	table(samples, "go run .", "go build and the program", "the program alone")
	return nil
}

// tests leaves out the test that synthesizes with both kernels whatever it is told, and those that
// spend their time in other programs: Terraform, nginx, the program itself.
func (b bench) tests() error {
	var candidates []candidate
	for _, name := range []string{"stock", "fast"} {
		c := b.synthesis(name, b.program("tests"), "-test.skip", "FastKernel|FindsEveryStackValid|ThePlaceholder|TheProgram|TheEnvironmentIsAskedFor|TheOutputDepends|WithoutNode|APanic")
		c.folder = "tests"
		candidates = append(candidates, c)
	}
	samples, err := measure(b.fewer(), candidates...)
	if err != nil {
		return err
	}
	table(samples, "stock", "fast")
	return nil
}
