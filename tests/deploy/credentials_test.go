package deploy

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// credentials are what the secret of the database contains.
type credentials struct {
	Username            string `json:"username"`
	Password            string `json:"password"`
	Engine              string `json:"engine"`
	Port                int    `json:"port"`
	DBClusterIdentifier string `json:"dbClusterIdentifier"`
}

// storedCredentials returns what Secrets Manager contains.
func (d *deployment) storedCredentials(t *testing.T) credentials {
	t.Helper()
	listed := d.ask(t, request{"secretsmanager", "list_secrets", nil})[0]
	name := text(listed, "SecretList", 0, "ARN")
	if more := at(listed, "SecretList", 1); name == "" || more != nil {
		t.Fatalf("Secrets Manager lists %v, expected one secret", listed)
	}
	value := d.ask(t, request{"secretsmanager", "get_secret_value", parameters{"SecretId": name}})[0]
	decoder := json.NewDecoder(strings.NewReader(text(value, "SecretString")))
	decoder.DisallowUnknownFields()
	var stored credentials
	if err := decoder.Decode(&stored); err != nil {
		t.Fatalf("the stored secret: %v", err)
	}
	return stored
}

var passwordShape = regexp.MustCompile(`^[A-Za-z0-9]{32}$`)

// expect fails unless these are what an application needs to connect.
func (c credentials) expect(t *testing.T, username, cluster string) {
	t.Helper()
	if !passwordShape.MatchString(c.Password) {
		t.Errorf("the password has %d characters or other than letters and digits, expected 32 of these", len(c.Password))
	}
	c.Password = ""
	if wanted := (credentials{username, "", "postgres", 5432, cluster}); c != wanted {
		t.Errorf("beside the password the secret contains %+v, expected %+v", c, wanted)
	}
}
