package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"sync"
	"testing"

	"tap/internal/repository"
	"tap/tests/must"
)

// parameters of a request to AWS, as its API names them.
type parameters map[string]any

// request is one request to an AWS service, by boto3's names. In all but the first <name> stands for an earlier answer.
type request struct {
	Service, Operation string
	Parameters         any
	Query              string // of what matters in the answer, in JMESPath
	Answer, Want       any    // what that is, and what it has to be, if it is known
	Save, Says         string // the name of the answer, and what a plan says of it
}

const ask = `import boto3, jmespath, json, sys

known, requests = json.load(sys.stdin)
saved = known or {}
for request in requests:
    text = json.dumps(request)
    for name, value in saved.items():
        text = text.replace(f'"<{name}>"', json.dumps(value, default=str)).replace(f"<{name}>", str(value))
    request.update(json.loads(text))
    answer = getattr(boto3.client(request["Service"]), request["Operation"])(**request["Parameters"] or {})
    saved[request["Save"]] = request["Answer"] = jmespath.search(request["Query"] or "@", answer)

json.dump(requests, sys.stdout, default=str)`

// expectAnswers sends requests to the emulator, none of which it may refuse, and returns them with the answers. What is
// known already has names, too.
func (d *deployment) expectAnswers(t *testing.T, known map[string]string, requests ...request) []request {
	t.Helper()
	var said bytes.Buffer
	program := exec.CommandContext(t.Context(), repository.Python(d.repository), "-I", "-c", ask)
	program.Env = slices.Concat(d.emulator.Environment(), []string{"AWS_DEFAULT_REGION=" + region}, d.variables)
	program.Stdin, program.Stderr = bytes.NewReader(must.Get(json.Marshal([]any{known, requests}))(t)), &said
	answered, err := program.Output()
	if err != nil {
		t.Fatalf("ask the emulator: %v\n%s", err, said.String())
	}
	requests = nil
	must.Do(t, json.Unmarshal(answered, &requests))
	for _, r := range requests {
		if r.Want != nil && fmt.Sprint(r.Answer) != fmt.Sprint(r.Want) || r.Save != "" && r.Answer == nil {
			t.Errorf("%s of %s %s is %v, expected %v", r.Query, r.Service, r.Operation, r.Answer, r.Want)
		}
	}
	return requests
}

// expectFile sends the requests in a file of testdata: what is known, as the outputs are, exists and belongs together.
func (d *deployment) expectFile(t *testing.T, file string, known map[string]string) (requests []request) {
	t.Helper()
	must.Do(t, json.Unmarshal(must.Get(os.ReadFile("testdata/"+file))(t), &requests))
	return d.expectAnswers(t, known, requests...)
}

// ask returns the text that a query finds in the answer to one request, and fails unless that is what is wanted.
func (d *deployment) ask(t *testing.T, service, operation string, given parameters, query string, want ...any) string {
	t.Helper()
	asked := request{Service: service, Operation: operation, Parameters: given, Query: query}
	if want != nil {
		asked.Want = want[0]
	}
	return fmt.Sprint(d.expectAnswers(t, nil, asked)[0].Answer)
}

var storedPassword = regexp.MustCompile(`"password": ?"([A-Za-z0-9]{32})"`)

// storedPassword returns the password of the database's master user, which Secrets Manager contains.
func (d *deployment) storedPassword(t *testing.T) string {
	t.Helper()
	secret := d.ask(t, "secretsmanager", "list_secrets", nil, "SecretList[0].ARN")
	text := d.ask(t, "secretsmanager", "get_secret_value", parameters{"SecretId": secret}, "SecretString")
	found := storedPassword.FindStringSubmatch(text)
	if found == nil {
		t.Fatal("the secret contains no password of 32 letters and digits")
	}
	return found[1]
}

// proxy is between Terraform and the emulator. It knows the actions of services whose requests are forms (RDS and SNS
// are two): it keeps the master passwords that RDS is given, in memory only, and refuses or delays an action when a
// test asks for it.
type proxy struct {
	url string

	mutex     sync.Mutex
	passwords []string
	admit     map[string]func() bool // by action
}

// refusal is what RDS answers when an account has as many clusters as it may have. Terraform does not try again.
const refusal = "DBClusterQuotaExceededFault"

// newProxy starts a proxy in front of the emulator; it ends with the test.
func newProxy(t *testing.T, emulatorURL string) *proxy {
	t.Helper()
	target := must.Get(url.Parse(emulatorURL))(t)
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	p := &proxy{admit: map[string]func() bool{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what is missing, the emulator misses
		r.Body = io.NopCloser(bytes.NewReader(body))
		form, _ := url.ParseQuery(string(body)) // others than forms have no action
		p.mutex.Lock()
		if password := form.Get("MasterUserPassword"); password != "" {
			p.passwords = append(p.passwords, password)
		}
		admit := p.admit[form.Get("Action")]
		p.mutex.Unlock()
		if admit == nil || admit() {
			forward.ServeHTTP(w, r)
			return
		}
		http.Error(w, "<ErrorResponse><Error><Code>"+refusal+"</Code></Error></ErrorResponse>", http.StatusBadRequest)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// intercept calls admit before each request for an action, which is refused when it returns false. With nil the
// action passes again.
func (p *proxy) intercept(action string, admit func() bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.admit[action] = admit
}

// refuse refuses every request for an action, until it is intercepted by something else.
func (p *proxy) refuse(action string) { p.intercept(action, func() bool { return false }) }

// expectPasswords fails unless RDS was given exactly these master passwords, in this order, also in requests that
// were refused. The passwords themselves are not printed.
func (p *proxy) expectPasswords(t *testing.T, wanted ...string) {
	t.Helper()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if !slices.Equal(p.passwords, wanted) {
		t.Errorf("RDS was given %d master passwords that are not the %d that were stored", len(p.passwords), len(wanted))
	}
}
