package deploy

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"testing"

	"tap/tests/must"
)

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
	p := &proxy{admit: map[string]func() bool{}}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = target.Host // the emulator refuses any other
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if !p.admits(body) {
			w.Header().Set("Content-Type", "text/xml")
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code></Error></ErrorResponse>", refusal)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// admits reports whether a request may pass, at once or later.
func (p *proxy) admits(body []byte) bool {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return true // of a service whose requests are not forms
	}
	p.mutex.Lock()
	if password := form.Get("MasterUserPassword"); password != "" {
		p.passwords = append(p.passwords, password)
	}
	admit := p.admit[form.Get("Action")]
	p.mutex.Unlock()
	return admit == nil || admit()
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
