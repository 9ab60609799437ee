package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tap/tests/must"
)

// expectBound fails unless the saved plan is refused wherever it is not what would be planned, with the state as it
// was, and is applied where it is.
func (d *deployment) expectBound(t *testing.T) {
	t.Helper()
	file, configuration := d.path("terraform."+d.stack+".tfstate"), string(must.Get(os.ReadFile(d.stackFile()))(t))
	saved := filepath.Join(d.stackFolder(), "saved.tfplan")
	state, plan := string(must.Get(os.ReadFile(file))(t)), string(must.Get(os.ReadFile(saved))(t))
	keys := strings.Fields(d.ask(t, "sts", "assume_role",
		parameters{"RoleArn": "arn:aws:iam::111111111111:role/other", "RoleSessionName": "other"},
		"join(' ', [Credentials.AccessKeyId, Credentials.SecretAccessKey, Credentials.SessionToken])"))
	refused := func(reason string, variables ...string) {
		t.Helper()
		other := *d
		other.variables = variables
		if _, err := other.run(t, d.root, d.path("plan"), "apply", d.stack); !strings.Contains(fmt.Sprint(err), reason) {
			t.Errorf("the saved plan was applied, or refused with %v, expected %q", err, reason)
		}
		if string(must.Get(os.ReadFile(file))(t)) != state {
			t.Fatalf("the state has changed, expected %q before that", reason)
		}
	}
	refused("the credentials are of 111111111111",
		"AWS_ACCESS_KEY_ID="+keys[0], "AWS_SECRET_ACCESS_KEY="+keys[1], "AWS_SESSION_TOKEN="+keys[2])
	refused("the workspace other has another state", "TF_WORKSPACE=other")
	must.Write(t, d.stackFile(), configuration+"\n")
	refused("the configuration is not the one that was planned")
	must.Write(t, d.stackFile(), configuration)
	d.terraform(t, "plan", "-no-color", "-destroy", "-refresh=false", "-out="+saved)
	refused("saved.tfplan is not the file that was saved")
	must.Write(t, saved, plan)
	said := must.Get(d.run(t, d.root, d.path("plan"), "apply", d.stack))(t)
	if !strings.Contains(said, "Apply complete!") {
		t.Errorf("what was planned is not applied: %s", said)
	}
}

// destroyByHand destroys the stack as make destroy does, and answers its question.
func (d *deployment) destroyByHand(t *testing.T) error {
	t.Helper()
	must.Get(d.run(t, d.repository, "go", "build", "-o", d.path("plan"), "./internal/plan"))(t)
	_, err := d.run(t, d.root, "sh", "-c", "echo yes | ./plan apply -destroy "+d.stack)
	return err
}
