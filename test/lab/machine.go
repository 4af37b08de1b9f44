package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// MachineParts are what a virtual machine is made of: QEMU's program, and a
// directory with vmlinuz, busybox and the kernel's modules.
type MachineParts struct{ qemu, dir string }

// machineVariable names the directory that test/qemu/fetch fills.
const machineVariable = "USERSPACE_CNI_QEMU"

// FindMachine finds the parts, or says what is missing and how to get it.
func FindMachine() (MachineParts, error) {
	parts := MachineParts{dir: os.Getenv(machineVariable)}
	if parts.dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return parts, err
		}
		parts.dir = filepath.Join(cache, "userspace-cni", "qemu")
	}
	qemu, err := exec.LookPath("qemu-system-x86_64")
	parts.qemu = qemu
	for _, name := range []string{"vmlinuz", "busybox"} {
		_, missing := os.Stat(filepath.Join(parts.dir, name))
		err = errors.Join(err, missing)
	}
	if err != nil {
		return parts, fmt.Errorf("no virtual machine, test/qemu/fetch gets what is missing: %w", err)
	}
	return parts, nil
}

// machineInit is the machine's process 1. Which module needs which differs from
// kernel to kernel: they are tried until none is left that waits for another. The
// kernel hands on as environment what it doesn't know of its command line.
const machineInit = `#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
for pass in 1 2 3 4; do
	for module in /modules/*.ko; do insmod $module; done 2>/dev/null
done
ip link set eth0 up && (
	for address in $addresses; do
		ip address add $address dev eth0 || exit
	done
) && echo ` + machineReady + `
ip address
while :; do sleep 1000; done
`

// machineReady is what the console says when all went well.
const machineReady = "the machine has its addresses"

// initramfs holds nothing but what machineInit needs.
func (p MachineParts) initramfs() ([]byte, error) {
	var a archive
	for _, dir := range []string{"bin", "proc", "modules"} {
		a.add(dir, archiveDir, nil)
	}
	a.add("init", archiveFile, []byte(machineInit))
	files, err := filepath.Glob(filepath.Join(p.dir, "modules", "*.ko"))
	if err != nil {
		return nil, err
	}
	names := map[string]string{filepath.Join(p.dir, "busybox"): "bin/busybox"}
	for _, file := range files {
		names[file] = "modules/" + filepath.Base(file)
	}
	for file, name := range names {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		a.add(name, archiveFile, data)
	}
	return a.end(), nil
}

// Machine is a virtual machine with one network card, which is a vhost-user
// socket's.
type Machine struct {
	MachineParts
	// Dir holds its files. The machine's user must be able to search it.
	Dir string
	// Netns is the network namespace that QEMU runs in, UID and GID the user.
	Netns    string
	UID, GID uint32
	// Socket is connected to, again whenever the connection is lost; with Listen
	// it is made.
	Socket string
	Listen bool
	// MAC and Addresses are the network card's.
	MAC       string
	Addresses []netip.Prefix

	cmd    *exec.Cmd
	exited chan struct{}
}

// Start boots the machine, emulated by software. It doesn't wait for it.
func (m *Machine) Start() error {
	initramfs, err := m.initramfs()
	if err != nil {
		return err
	}
	kernel, err := os.ReadFile(filepath.Join(m.dir, "vmlinuz"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(m.Dir, 0o755); err != nil {
		return err
	}
	for name, data := range map[string][]byte{"initramfs": initramfs, "vmlinuz": kernel} {
		if err := os.WriteFile(filepath.Join(m.Dir, name), data, 0o644); err != nil {
			return err
		}
	}
	return m.run()
}

func (m *Machine) run() error {
	console, err := os.Create(filepath.Join(m.Dir, "console"))
	if err != nil {
		return err
	}
	defer console.Close()
	cmd := exec.Command(m.qemu, m.arguments()...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = m.Dir, console, console
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: m.UID, Gid: m.GID}}
	if err := StartIn(m.Netns, cmd); err != nil {
		return fmt.Errorf("start %s: %w", m.qemu, err)
	}
	m.cmd, m.exited = cmd, make(chan struct{})
	go func() { _ = cmd.Wait(); close(m.exited) }()
	return nil
}

// arguments are QEMU's. The machine's memory is shared, which vhost-user needs.
// The card has no boot ROM, which is in a package of its own, and no MSI-X
// vectors: QEMU 7.2 ends by a segmentation fault when the driver starts a
// vhost-user card that has them and there is no KVM.
func (m *Machine) arguments() []string {
	var addresses []string
	for _, address := range m.Addresses {
		addresses = append(addresses, address.String())
	}
	mode := "reconnect=1" // in seconds; reconnect-ms is new in QEMU 9.2
	if m.Listen {
		mode = "server=on,wait=off"
	}
	return []string{
		"-accel", "tcg", "-machine", "q35", "-m", "256", "-nodefaults", "-no-user-config", "-no-reboot",
		"-display", "none", "-serial", "stdio",
		"-object", "memory-backend-memfd,id=memory,size=256M,share=on", "-numa", "node,memdev=memory",
		"-chardev", "socket,id=socket,path=" + m.Socket + "," + mode,
		"-netdev", "vhost-user,id=net1,chardev=socket",
		"-device", "virtio-net-pci,netdev=net1,vectors=0,romfile=,mac=" + m.MAC,
		"-kernel", "vmlinuz", "-initrd", "initramfs",
		"-append", fmt.Sprintf(`console=ttyS0 quiet panic=-1 "addresses=%s"`, strings.Join(addresses, " ")),
	}
}

// Ready tells whether the machine has booted and has its addresses.
func (m *Machine) Ready() bool { return strings.Contains(m.Console(), machineReady) }

// Console is what QEMU and the machine have written.
func (m *Machine) Console() string {
	data, _ := os.ReadFile(filepath.Join(m.Dir, "console"))
	return string(data)
}

// Exited is closed when QEMU has ended.
func (m *Machine) Exited() <-chan struct{} { return m.exited }

// How tells how QEMU has ended, once it has.
func (m *Machine) How() string { return m.cmd.ProcessState.String() }

// Kill ends it at once.
func (m *Machine) Kill() {
	m.cmd.Process.Kill()
	<-m.exited
}
