package config

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"tap/tests/must"
)

// read returns the environment of a file's content, and what is wrong with it.
func read(content string) (Environment, error) {
	f := newFile("a.yaml")
	f.fill(f.parse([]byte(content), environmentLimit))
	applyRulesBetween([]*file{f}, newFile("accounts.yaml"), nil)
	return f.environment, errors.Join(f.errors()...)
}

// wantProblems compares the lines of an error with what they have to begin with. Without any there is to be no error.
func wantProblems(t *testing.T, err error, want ...string) {
	t.Helper()
	var got []string
	if err != nil {
		got = strings.Split(err.Error(), "\n")
	}
	nonsense := regexp.MustCompile(`hunter2|is (""|\[\]) \(the default\)`)
	if !slices.EqualFunc(got, want, strings.HasPrefix) || nonsense.MatchString(fmt.Sprint(err)) {
		t.Errorf("got\n%v\nwant\n%s", err, strings.Join(want, "\n"))
	}
}

func many(format string, count int) string {
	texts := make([]string, count)
	for i := range texts {
		texts[i] = fmt.Sprintf(format, i)
	}
	return strings.Join(texts, ", ")
}

// eachRefused calls use with each value of testdata/values.txt, its key and the message.
func eachRefused(t testing.TB, use func(key, value, message string)) {
	message := ""
	for line := range strings.Lines(string(must.Get(os.ReadFile("testdata/values.txt"))(t))) {
		line = strings.TrimSuffix(line, "\n")
		if says, isMessage := strings.CutPrefix(line, "> "); isMessage {
			message = says
		} else if key, values, found := strings.Cut(line, " "); found && key != "#" {
			for value := range strings.SplitSeq(values, " | ") {
				use(key, value, message)
			}
		}
	}
}

var needs = map[string]string{"workers": "command: [a]", "jobs": "command: [a]", "sidecars": "image: a"}

// written returns a file that gives the key a value in its last line. The value of a key that ends in [0] is an item; *
// is a, which has what it needs.
func written(key, value string) string {
	content := "class: development\n"
	if key == "class" {
		content = ""
	}
	key, isItem := strings.CutSuffix(key, "[0]")
	if isItem {
		value = "[" + value + "]"
	}
	section, _, _ := strings.Cut(key, ".")
	for depth, name := range strings.Split(key, ".") {
		content += "\n" + strings.Repeat(" ", depth) + strings.Replace(name, "*", "a", 1) + ":"
		needed, is, _ := strings.Cut(needs[section], ": ")
		if name == "*" && !strings.HasSuffix(key, "."+needed) {
			content += "\n" + strings.Repeat(" ", depth+1) + needed + ": " + is
		}
	}
	return content + " " + value
}

func TestValuesAreRefused(t *testing.T) {
	eachRefused(t, func(key, value, message string) {
		if strings.HasPrefix(message, "VALUE") {
			var node yaml.Node
			must.Do(t, yaml.Unmarshal([]byte(value), &node))
			message = strings.Replace(message, "VALUE", describe(node.Content[0]), 1)
		}
		content := written(key, value)
		_, err := read(content)
		wantProblems(t, err, fmt.Sprintf("a.yaml:%d: %s: %s", 1+strings.Count(content, "\n"), key, message))
	})
}

func TestLongValuesAreCutVisibly(t *testing.T) {
	for key, value := range map[string]string{"region": strings.Repeat("a", 1000), "protect": strings.Repeat("1", 1000),
		"service.command": "[" + many("a%d", 1000) + "]"} {
		if _, err := read(written(key, value)); len(err.Error()) > 500 || !strings.Contains(err.Error(), "...") {
			t.Errorf("got %v", err)
		}
	}
}

// documents returns the documents of a file in testdata.
func documents(t testing.TB, name string) []string {
	t.Helper()
	return strings.Split(string(must.Get(os.ReadFile("testdata/"+name))(t)), "\n---\n")
}

func TestWhatIsAllowedLoads(t *testing.T) {
	for _, content := range documents(t, "allowed.yaml") {
		_, err := read(content)
		wantProblems(t, err)
	}
}

// rows returns how each mistake in a document of refused.yaml begins, and where the schema says it: /service/image/.
func rows(content string) (says, schema []string) {
	for i, line := range strings.Split(content, "\n") {
		_, problems, _ := strings.Cut(line, " # ")
		for _, part := range mistake.FindAllStringSubmatch(problems, -1) {
			says = append(says, fmt.Sprintf("a.yaml:%d: %s", i+1, part[2]))
			if part[1] != "*" {
				schema = append(schema, "/"+inSlashes.Replace(cmp.Or(part[1], part[3]))+"/")
			}
		}
	}
	return says, schema
}

var mistake = regexp.MustCompile(`(?:\[([*\w.]+)\] )?((.*?): (?:[^|]|\|\S)+)(?: \| |$)`)
var inSlashes = strings.NewReplacer(`"`, "", ".", "/", "[", "/", "]", "")

func TestFilesAreRefused(t *testing.T) {
	for _, content := range documents(t, "refused.yaml") {
		want, _ := rows(content)
		_, err := read(content)
		wantProblems(t, err, want...)
	}
}
