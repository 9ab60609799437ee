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
)

// endpoint stands between Terraform and the emulator. It knows the actions of the AWS services
// whose requests are forms (RDS and SNS are): it remembers the master passwords that RDS was given,
// in memory only, and refuses or holds an action when a test asks for it.
type endpoint struct {
	url string

	mutex     sync.Mutex
	passwords []string
	refused   string // an action that is answered with refusal
	held      map[string]*hold
}

// refusal is what RDS answers when an account has as many clusters as it may have. It is not tried again.
const refusal = "DBClusterQuotaExceededFault"

// hold is an action that waits.
type hold struct {
	Reached  chan struct{} // closed when the first request for it has come
	Release  func()        // lets all requests for it pass
	released chan struct{}
	once     sync.Once
}

// newEndpoint starts an endpoint in front of the emulator's; it ends with the test.
func newEndpoint(t *testing.T, emulatorURL string) *endpoint {
	t.Helper()
	target, err := url.Parse(emulatorURL)
	if err != nil {
		t.Fatal(err)
	}
	e := &endpoint{held: map[string]*hold{}}
	forward := &httputil.ReverseProxy{
		Rewrite: func(request *httputil.ProxyRequest) {
			request.SetURL(target)
			request.Out.Host = request.In.Host // part of what is signed
		},
		Transport: &http.Transport{Proxy: nil, MaxIdleConnsPerHost: 20},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		form, err := readForm(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		if e.admit(w, r, form) {
			forward.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() {
		for _, held := range e.held {
			held.Release()
		}
		server.Close()
	})
	e.url = server.URL
	return e
}

// readForm returns the form of a request, which can be read once more afterwards.
func readForm(r *http.Request) (url.Values, error) {
	if r.Method != http.MethodPost || r.Header.Get("X-Amz-Target") != "" {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, nil // of a service whose requests are no forms
	}
	return form, nil
}

// admit reports whether a request may pass, at once or later; otherwise it has been answered.
func (e *endpoint) admit(w http.ResponseWriter, r *http.Request, form url.Values) bool {
	action := form.Get("Action")
	e.mutex.Lock()
	if password := form.Get("MasterUserPassword"); password != "" {
		e.passwords = append(e.passwords, password)
	}
	refused := action != "" && action == e.refused
	held := e.held[action]
	e.mutex.Unlock()

	if refused {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>refused by the test</Message></Error></ErrorResponse>", refusal)
		return false
	}
	if held != nil {
		held.once.Do(func() { close(held.Reached) })
		select {
		case <-held.released:
		case <-r.Context().Done():
			return false
		}
	}
	return true
}

// Refuse answers every request for an action with a refusal; an empty one refuses nothing any more.
func (e *endpoint) Refuse(action string) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.refused = action
}

// Hold lets requests for an action wait until they are released.
func (e *endpoint) Hold(action string) *hold {
	held := &hold{Reached: make(chan struct{}), released: make(chan struct{})}
	held.Release = sync.OnceFunc(func() { close(held.released) })
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.held[action] = held
	return held
}

// Passwords are the master passwords that RDS was given, in order, also in requests that were refused.
func (e *endpoint) Passwords() []string {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return slices.Clone(e.passwords)
}
