package metrics

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/userspace-cni/userspace-cni/userspace-node/stats"
)

const socket = "/run/vpp/api.sock"

// busy is a view of a node on which each metric has something to show.
func busy() View {
	return View{
		Attachments: []Attachment{
			{"memif", "blue", "up", "shop", "web-1", "net1", "memif70001/0", socket},
			{"memif", "blue", "up", "shop", "web-2", "net1", "memif70002/0", socket},
			{"vhostuser", "red", "down", "shop", "web-2", "net2", "VirtualEthernet0/0/65537", socket},
			{"memif", "blue", "missing", "shop", "web-3", "net1", "memif70003/0", socket},
		},
		Vswitches: []Vswitch{
			{socket, "v26.06-release", true, 90 * time.Second, map[string]stats.Counters{
				"local0":                   {Drops: 9},
				"memif70001/0":             {RxPackets: 1, RxBytes: 2, TxPackets: 3, TxBytes: 4, Drops: 5},
				"memif70002/0":             {RxPackets: 6},
				"VirtualEthernet0/0/65537": {TxPackets: 7},
			}},
			{"/run/vpp/other.sock", "v23.06-release", false, time.Second, nil},
		},
		Orphans: 2,
	}
}

// happened are metrics of the view to which everything has happened once.
func happened(view func() View) *Metrics {
	m := New(view)
	m.Call("ADD", "memif", 0, 5*time.Millisecond)
	m.Call("ADD", "memif", 11, 10*time.Second)
	m.Repaired("memif", "blue", true)
	m.Repaired("memif", "blue", false)
	m.Restored(80 * time.Millisecond)
	m.Restarted(socket)
	m.Collected("attachment", true)
	m.Collected("endpoint", false)
	return m
}

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if answer.Code != 200 {
		t.Fatalf("scrape: %d %s", answer.Code, answer.Body)
	}
	return answer.Body.String()
}

func TestScrape(t *testing.T) {
	got := scrape(t, happened(busy))
	for _, want := range []string{
		`userspace_attachments{kind="memif",network="blue",state="up"} 2`,
		`userspace_attachments{kind="memif",network="blue",state="missing"} 1`,
		`userspace_attachments{kind="vhostuser",network="red",state="down"} 1`,
		`userspace_orphans 2`,
		`userspace_vpp_up{socket="/run/vpp/api.sock"} 1`,
		`userspace_vpp_up{socket="/run/vpp/other.sock"} 0`,
		`userspace_vpp_info{socket="/run/vpp/api.sock",version="v26.06-release"} 1`,
		`userspace_vpp_uptime_seconds{socket="/run/vpp/api.sock"} 90`,
		`userspace_vpp_restarts_total{socket="/run/vpp/api.sock"} 1`,
		`userspace_endpoint_receive_packets_total{endpoint="memif70001/0",interface="net1",namespace="shop",network="blue",pod="web-1"} 1`,
		`userspace_endpoint_receive_bytes_total{endpoint="memif70001/0",interface="net1",namespace="shop",network="blue",pod="web-1"} 2`,
		`userspace_endpoint_transmit_packets_total{endpoint="memif70001/0",interface="net1",namespace="shop",network="blue",pod="web-1"} 3`,
		`userspace_endpoint_transmit_bytes_total{endpoint="memif70001/0",interface="net1",namespace="shop",network="blue",pod="web-1"} 4`,
		`userspace_endpoint_drops_total{endpoint="memif70001/0",interface="net1",namespace="shop",network="blue",pod="web-1"} 5`,
		`userspace_endpoint_transmit_packets_total{endpoint="VirtualEthernet0/0/65537",interface="net2",namespace="shop",network="red",pod="web-2"} 7`,
		`userspace_calls_total{code="0",kind="memif",verb="ADD"} 1`,
		`userspace_calls_total{code="11",kind="memif",verb="ADD"} 1`,
		`userspace_call_duration_seconds_bucket{verb="ADD",le="0.004"} 0`,
		`userspace_call_duration_seconds_bucket{verb="ADD",le="0.006"} 1`,
		`userspace_call_duration_seconds_bucket{verb="ADD",le="10"} 2`,
		`userspace_repairs_total{kind="memif",network="blue",result="ok"} 1`,
		`userspace_repairs_total{kind="memif",network="blue",result="failed"} 1`,
		`userspace_restore_duration_seconds_count 1`,
		`userspace_collected_total{result="ok",what="attachment"} 1`,
		`userspace_collected_total{result="failed",what="endpoint"} 1`,
		`go_goroutines `,
		`process_open_fds `,
	} {
		if !strings.Contains(got, "\n"+want) {
			t.Errorf("no %s", want)
		}
	}
	for _, unwanted := range []string{"local0", "web-3", `socket="/run/vpp/other.sock",version`, `uptime_seconds{socket="/run/vpp/other.sock"}`} {
		if strings.Contains(got, unwanted) {
			t.Errorf("there is %s", unwanted)
		}
	}
}

func TestLint(t *testing.T) {
	problems, err := testutil.GatherAndLint(happened(busy).registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
}

// TestTwice: no view, however odd, makes a scrape fail.
func TestTwice(t *testing.T) {
	view := busy()
	view.Attachments = append(view.Attachments, view.Attachments...)
	view.Vswitches = append(view.Vswitches, view.Vswitches...)
	view.Vswitches = append(view.Vswitches, Vswitch{Socket: socket}, Vswitch{
		Socket: "/other", Up: true, Release: "\xff",
		Counters: map[string]stats.Counters{"memif70001/0": {RxPackets: 8}},
	})
	elsewhere := view.Attachments[0]
	elsewhere.Socket = "/other"
	view.Attachments = append(view.Attachments, elsewhere,
		// Neither of these is the other, however their labels are joined, nor text.
		Attachment{Kind: "a\xff", Network: "b", State: "up"}, Attachment{Kind: "a", Network: "\xffb", State: "up"},
		Attachment{Kind: "a\xfe", Network: "b", State: "up"})
	m := happened(func() View { return view })
	m.Call("\xff", "\xff", 0, 0)
	m.Repaired("\xff", "\xff", true)
	m.Collected("\xff", true)
	m.Restarted("\xff")
	got := scrape(t, m)
	for _, want := range []string{
		`userspace_attachments{kind="memif",network="blue",state="up"} 5`,
		`userspace_attachments{kind="a�",network="b",state="up"} 2`,
		`userspace_vpp_up{socket="/run/vpp/api.sock"} 1`,
		`userspace_endpoint_receive_packets_total{endpoint="memif70001/0",interface="net1",namespace="shop",network="blue",pod="web-1"} 8`,
	} {
		if !strings.Contains(got, "\n"+want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
}

func TestEmpty(t *testing.T) {
	if got := scrape(t, New(func() View { return View{} })); !strings.Contains(got, "\nuserspace_orphans 0\n") {
		t.Errorf("got\n%s", got)
	}
}
