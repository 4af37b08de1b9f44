package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/userspace-cni/userspace-cni/test/lab"
)

// noIperf says what is missing where iperf3 can't be run; empty: nothing.
func noIperf() string {
	if _, err := exec.LookPath("iperf3"); err != nil {
		return "iperf3 is missing: apt-get install iperf3"
	}
	return ""
}

// How long iperf3 sends, and how long it may take.
const (
	sending      = 3 * time.Second
	iperfTimeout = 30 * time.Second
)

// iperf is one iperf3: its words, behind those of the command that starts it,
// and the network namespace that it runs in.
type iperf struct {
	netns string
	words []string
}

func (p iperf) command(ctx context.Context, args ...string) *exec.Cmd {
	words := append(append(append([]string{}, p.words...), "iperf3", "-4"), args...)
	return exec.CommandContext(ctx, words[0], words[1:]...)
}

// flow is what one run of iperf3 tells: how much arrived, in Gbit/s, and the
// processor time of the client and the server, in cores.
type flow struct{ rate, client, server float64 }

// runIperf has a client send to a server. What is done meanwhile begins when half
// of the time is over.
func runIperf(dir string, server, client iperf, address string, meanwhile func() error) (flow, error) {
	ctx, cancel := context.WithTimeout(context.Background(), iperfTimeout)
	defer cancel()
	ended, err := startServer(ctx, server, dir+"/iperf3-server")
	if err != nil {
		return flow{}, err
	}
	var stdout, stderr bytes.Buffer
	sender := client.command(ctx, "--json", "--client", address, "--time", fmt.Sprint(sending.Seconds()))
	sender.Stdout, sender.Stderr = &stdout, &stderr
	if err := lab.StartIn(client.netns, sender); err != nil {
		cancel()
		return flow{}, errors.Join(err, <-ended)
	}
	time.Sleep(sending / 2)
	err = meanwhile()
	if failed := sender.Wait(); failed != nil {
		cancel() // or the server would wait for another client
		err = errors.Join(err, fmt.Errorf("iperf3's client: %w\n%s%s", failed, &stdout, &stderr))
	}
	if err = errors.Join(err, <-ended); err != nil {
		return flow{}, err
	}
	return parseFlow(stdout.Bytes())
}

// startServer starts a server for one client, and waits until it listens. Its end
// comes by the channel.
func startServer(ctx context.Context, server iperf, output string) (ended <-chan error, err error) {
	file, err := os.Create(output)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	cmd := server.command(ctx, "--server", "--one-off", "--forceflush")
	cmd.Stdout, cmd.Stderr = file, file
	if err := lab.StartIn(server.netns, cmd); err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		if err != nil {
			said, _ := os.ReadFile(output)
			err = fmt.Errorf("iperf3's server: %w\n%s", err, said)
		}
		done <- err
	}()
	for {
		said, err := os.ReadFile(output)
		if err != nil || strings.Contains(string(said), "Server listening") {
			return done, err
		}
		select {
		case err := <-done:
			return nil, errors.Join(err, errors.New("iperf3's server has ended before there was a client"))
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// parseFlow reads what "iperf3 --json" prints; under VCL, lines of the library's
// may stand before it.
func parseFlow(output []byte) (flow, error) {
	var report struct {
		Error string
		End   struct {
			Received struct {
				BitsPerSecond float64 `json:"bits_per_second"`
			} `json:"sum_received"`
			CPU struct {
				Host   float64 `json:"host_total"`
				Remote float64 `json:"remote_total"`
			} `json:"cpu_utilization_percent"`
		}
	}
	err := json.Unmarshal(output[max(bytes.IndexByte(output, '{'), 0):], &report)
	if err == nil && (report.Error != "" || report.End.Received.BitsPerSecond == 0) {
		err = errors.New("nothing arrived")
	}
	if err != nil {
		return flow{}, fmt.Errorf("iperf3: %w: %s\n%s", err, report.Error, output)
	}
	return flow{report.End.Received.BitsPerSecond / 1e9, report.End.CPU.Host / 100, report.End.CPU.Remote / 100}, nil
}
