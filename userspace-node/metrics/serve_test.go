package metrics

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// lines hands on what is logged.
type lines chan []byte

func (l lines) Write(line []byte) (int, error) {
	l <- bytes.Clone(line)
	return len(line), nil
}

func TestServe(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	logged := make(lines, 16)
	ended := make(chan error, 1)
	go func() {
		ended <- Serve(ctx, "127.0.0.1:0", map[string]http.Handler{
			"/metrics": happened(busy).Handler(),
			"/healthz": Check(func() error { return nil }),
			"/readyz":  Check(func() error { return errors.New("VPP does not answer") }),
		}, slog.New(slog.NewJSONHandler(logged, nil)))
	}()
	var line struct{ Address string }
	if err := json.Unmarshal(<-logged, &line); err != nil {
		t.Fatal(err)
	}
	for _, try := range []struct {
		method, path string
		code         int
		body         string
	}{
		{"GET", "/metrics", 200, "userspace_orphans 2"},
		{"GET", "/healthz", 200, "ok\n"},
		{"HEAD", "/healthz", 200, ""},
		{"GET", "/readyz", 503, "VPP does not answer\n"},
		{"POST", "/metrics", 405, ""},
		{"GET", "/other", 404, ""},
	} {
		code, body := ask(t, try.method, "http://"+line.Address+try.path)
		if code != try.code || !strings.Contains(body, try.body) {
			t.Errorf("%s %s: %d %q", try.method, try.path, code, body)
		}
	}
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(2 * leaveTimeout):
		t.Fatal("it goes on after its context's end")
	}
	if _, err := net.Dial("tcp", line.Address); err == nil {
		t.Error("somebody still listens")
	}
}

func ask(t *testing.T, method, url string) (code int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestServeNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Serve(ctx, "", nil, slog.New(slog.DiscardHandler)); err != nil {
		t.Error(err)
	}
}

func TestServeWhereItCannot(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if err := Serve(t.Context(), taken.Addr().String(), nil, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("two listen on one address")
	}
}

// TestBeside answers probes while something is done, and ends it where it can't.
func TestBeside(t *testing.T) {
	logged := make(lines, 16)
	log := slog.New(slog.NewJSONHandler(logged, nil))
	check := func() error { return errors.New("not yet") }
	failed := errors.New("failed")
	err := Beside(t.Context(), "127.0.0.1:0", check, log, func(context.Context) error {
		var line struct{ Address string }
		if err := json.Unmarshal(<-logged, &line); err != nil {
			t.Error(err)
			return err
		}
		if code, body := ask(t, "GET", "http://"+line.Address+"/readyz"); code != 503 || body != "not yet\n" {
			t.Errorf("/readyz: %d %q", code, body)
		}
		if code, _ := ask(t, "GET", "http://"+line.Address+"/healthz"); code != 200 {
			t.Errorf("/healthz: %d", code)
		}
		return failed
	})
	if !errors.Is(err, failed) {
		t.Errorf("%v, want what it failed by", err)
	}
	err = Beside(t.Context(), "256.0.0.1:1", check, log, func(ctx context.Context) error {
		<-ctx.Done()
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "256.0.0.1") {
		t.Errorf("an address that can't be listened on: %v", err)
	}
}
