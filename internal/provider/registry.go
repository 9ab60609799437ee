package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tap/constructs/versions"
)

// registryTime is how long the registry and the host of its packages have to answer.
const registryTime = 3 * time.Second

// askRegistry finds out whether the oldest version in the range can be downloaded: it follows the registry's discovery
// to the address of the package, which has to answer. The error names the address that does not.
func (o Options) askRegistry(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, registryTime)
	defer cancel()
	var answer struct {
		Providers string `json:"providers.v1"`
		Download  string `json:"download_url"`
	}
	address := &url.URL{Scheme: "https", Host: o.registry(), Path: "/.well-known/terraform.json"}
	err := o.get(ctx, address, &answer)
	if err == nil {
		oldest, _, _ := strings.Cut(strings.TrimPrefix(versions.ProviderVersions, ">= "), ",")
		address, err = address.Parse(fmt.Sprintf("%s/%s/%s/download/%s", strings.TrimSuffix(answer.Providers, "/"),
			versions.Provider, oldest, strings.Replace(o.Platform, "_", "/", 1)))
	}
	if err == nil {
		err = o.get(ctx, address, &answer)
	}
	if err == nil {
		address, err = address.Parse(answer.Download)
	}
	if err == nil {
		err = o.get(ctx, address, nil)
	}
	return err
}

// get asks an address and decodes what it answers in JSON, unless into is nil.
func (o Options) get(ctx context.Context, address *url.URL, into any) error {
	request := (&http.Request{Method: http.MethodGet, URL: address}).WithContext(ctx)
	response, err := (&http.Client{Transport: o.Transport}).Do(request)
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("%s: no answer within %s", address, registryTime)
		}
		if proxy, _ := o.Transport.Proxy(request); proxy != nil {
			err = fmt.Errorf("%w (HTTPS_PROXY is %s)", err, proxy.Redacted())
		}
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", address, response.Status)
	}
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(into); err != nil {
		return fmt.Errorf("%s does not answer as a registry does: %w", address, err)
	}
	return nil
}
