package lab

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// NoTestpmd says what is missing where dpdk-testpmd can't be run; empty: nothing.
// It needs no hugepages: its memory is a memfd, which vhost-user can hand over.
func NoTestpmd() string {
	if _, err := exec.LookPath("dpdk-testpmd"); err != nil {
		return "dpdk-testpmd is missing: apt-get install dpdk-dev"
	}
	return ""
}

// TestpmdCall is how dpdk-testpmd is started.
type TestpmdCall struct {
	// Dir is for its files.
	Dir string
	// Netns is the path of its network namespace.
	Netns string
	// As are the words of a command before it, such as setpriv's.
	As []string
	// Script is the shell script that starts it, such as the image's.
	Script string
	// Args are those of usrsp-app dpdk-args, whose output it is started with.
	Args []string
	// EAL are arguments of EAL instead of what usrsp-app would print.
	EAL []string
	// Options are testpmd's own, behind those of EAL; it is spoken to.
	Options []string
	// Words are all that stands behind dpdk-args' instead; it only says how many
	// frames there were, from time to time.
	Words []string
}

// Testpmd is a running dpdk-testpmd that is spoken to.
type Testpmd struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	output *transcript
	exited chan struct{}
}

// testpmdTimeout bounds each answer.
const testpmdTimeout = 20 * time.Second

// StartTestpmd starts dpdk-testpmd as a pod's container would, by a shell, with
// what usrsp-app prints as it stands, and waits until it forwards, or for its
// prompt.
func StartTestpmd(bin string, call TestpmdCall) (*Testpmd, error) {
	if err := os.MkdirAll(call.Dir, 0o777); err != nil {
		return nil, err
	}
	cmd := call.command(bin)
	stdin, err := cmd.StdinPipe() // at its end testpmd ends, too
	if err != nil {
		return nil, err
	}
	p := &Testpmd{cmd: cmd, stdin: stdin, output: &transcript{}, exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.output, p.output
	if err := StartIn(call.Netns, cmd); err != nil {
		return nil, fmt.Errorf("start dpdk-testpmd: %w", err)
	}
	go func() { _ = cmd.Wait(); close(p.exited) }()
	if _, err := p.await(0, regexp.MustCompile("testpmd> |NIC statistics")); err != nil {
		p.Kill()
		return nil, err
	}
	return p, nil
}

func (call TestpmdCall) command(bin string) *exec.Cmd {
	// What testpmd writes to a pipe would otherwise stay in its buffer.
	words := append(append([]string{}, call.As...), "stdbuf", "-oL", "sh", "-c", call.script(), "sh")
	words = append(append(words, call.EAL...), call.words()...)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "DPDK_ARGS_FLAGS="+strings.Join(call.Args, " "),
		"XDG_RUNTIME_DIR="+call.Dir, "TMPDIR="+call.Dir)
	return cmd
}

func (call TestpmdCall) script() string {
	switch {
	case len(call.EAL) > 0:
		return `exec dpdk-testpmd "$@"`
	case call.Script != "":
		return call.Script
	}
	return `args=$(usrsp-app dpdk-args $DPDK_ARGS_FLAGS) && exec dpdk-testpmd $args "$@"`
}

// words let a thread of EAL's run on any processor: others need them too.
func (call TestpmdCall) words() []string {
	if len(call.Words) > 0 {
		return call.Words
	}
	cpus := fmt.Sprintf("(0-%d)", runtime.NumCPU()-1)
	return append([]string{
		"--no-huge", "-m", "128", "--no-pci", "--no-telemetry", "--no-shconf", "--file-prefix=" + filepath.Base(call.Dir),
		"--lcores=0@" + cpus + ",1@" + cpus,
		"--", "-i", "--no-flush-rx", "--total-num-mbufs=8192",
	}, call.Options...)
}

// Say types a line.
func (p *Testpmd) Say(line string) error {
	_, err := fmt.Fprintln(p.stdin, line)
	return err
}

// ask types a line and returns what the pattern's group matches in the answer.
func (p *Testpmd) ask(line, pattern string) (string, error) {
	from := p.output.len()
	if err := p.Say(line); err != nil {
		return "", err
	}
	return p.await(from, regexp.MustCompile(pattern))
}

func (p *Testpmd) await(from int, pattern *regexp.Regexp) (string, error) {
	for until := time.Now().Add(testpmdTimeout); ; {
		output := p.Output()
		if match := pattern.FindStringSubmatch(output[from:]); match != nil {
			return match[len(match)-1], nil
		}
		select {
		case <-p.exited:
			return "", fmt.Errorf("dpdk-testpmd ended: %s\n%s", p.cmd.ProcessState, p.Output())
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(until) {
			return "", fmt.Errorf("dpdk-testpmd doesn't say %s within %s:\n%s", pattern, testpmdTimeout, p.Output())
		}
	}
}

// HasLink tells whether its first port is connected.
func (p *Testpmd) HasLink() (bool, error) {
	state, err := p.ask("show port info 0", `Link status: (up|down)\n`)
	return state == "up", err
}

// Received is how many frames have come to its first port.
func (p *Testpmd) Received() (int, error) { return p.counter("show port stats 0", `RX-packets: (\d+)`) }

// SentBy is how many frames have gone by a queue of its first port.
func (p *Testpmd) SentBy(queue int) (int, error) {
	return p.counter("show port xstats 0", fmt.Sprintf(`tx_q%d_(?:good_)?packets: (\d+)`, queue))
}

func (p *Testpmd) counter(line, pattern string) (int, error) {
	text, err := p.ask(line, pattern)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

// Burst sends 32 frames by each queue, some times over, and receives again.
func (p *Testpmd) Burst(times int) error {
	if _, err := p.ask("stop", "(Done|not started)"); err != nil {
		return err
	}
	return p.Say(fmt.Sprintf("start tx_first %d", times))
}

// Output is what it has written.
func (p *Testpmd) Output() string { return p.output.String() }

// Kill ends it at once.
func (p *Testpmd) Kill() {
	p.cmd.Process.Kill()
	<-p.exited
}

// Quit ends it as a person would.
func (p *Testpmd) Quit() error {
	if err := p.Say("quit"); err != nil {
		return err
	}
	select {
	case <-p.exited:
		return nil
	case <-time.After(testpmdTimeout):
		p.Kill()
		return errors.Join(fmt.Errorf("dpdk-testpmd doesn't quit within %s", testpmdTimeout), fmt.Errorf("%s", p.Output()))
	}
}

// transcript is a buffer that is read while it is written.
type transcript struct {
	sync.Mutex
	bytes.Buffer
}

func (t *transcript) Write(data []byte) (int, error) {
	t.Lock()
	defer t.Unlock()
	return t.Buffer.Write(data)
}

func (t *transcript) String() string {
	t.Lock()
	defer t.Unlock()
	return t.Buffer.String()
}

func (t *transcript) len() int {
	t.Lock()
	defer t.Unlock()
	return t.Len()
}
