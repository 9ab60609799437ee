package service

import (
	"fmt"
	"strings"
)

// PlaceholderImage runs while an environment has no image of its own.
const PlaceholderImage = "public.ecr.aws/nginx/nginx:latest"

// PlaceholderDroppedCapabilities are those of Fargate's default set that nginx does not need as root: it keeps those
// with which it binds to a port under 1024, gives its folders to its workers and lets these be another user.
var PlaceholderDroppedCapabilities = []string{
	"AUDIT_WRITE", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_RAW", "SETFCAP", "SETPCAP",
	"SYS_CHROOT",
}

// PlaceholderCommand makes nginx answer the health check with 200 and everything else with 404. The image by itself
// answers 404 to the health check, so that no task would ever become healthy. All files are in /tmp: the root file
// system is read-only.
func PlaceholderCommand(port int, healthCheckPath string) []string {
	location, _, _ := strings.Cut(healthCheckPath, "?") // nginx compares without the query
	configuration := fmt.Sprintf(`pid /tmp/nginx.pid;
error_log /dev/stderr warn;
events {}
http {
  access_log /dev/stdout;
  client_body_temp_path /tmp/client_body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  server {
    listen %d;
    default_type text/plain;
    location = %s { return 200 "ok\n"; }
    location / { return 404 "placeholder of the payment API\n"; }
  }
}`, port, location)
	return []string{"sh", "-c", "cat >/tmp/nginx.conf <<'END'\n" + configuration +
		"\nEND\nexec nginx -c /tmp/nginx.conf -g 'daemon off;'"}
}
