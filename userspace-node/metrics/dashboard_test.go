package metrics

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// dashboard is what Grafana's classic schema requires of one, as far as we use
// it.
type dashboard struct {
	UID, Title    string
	SchemaVersion int
	Panels        []panel
	Templating    struct{ List []variable }
}

type variable struct {
	Name, Type string
	Query      any
	Datasource *source
}

type source struct{ Type, UID string }

type panel struct {
	ID          int
	Type, Title string
	Datasource  *source
	GridPos     struct{ X, Y, W, H int }
	Targets     []target
}

type target struct {
	RefID        string
	Expr         string
	LegendFormat string
	Datasource   *source
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	data, err := os.ReadFile("../../deploy/grafana/userspace-cni.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDashboardStructure(t *testing.T) {
	d := readDashboard(t)
	// Grafana gives no identifier longer than 40; 36 is the first schema in which
	// a data source is always an object.
	if d.UID == "" || len(d.UID) > 40 || d.Title == "" || d.SchemaVersion < 36 {
		t.Errorf("uid %q, title %q, schemaVersion %d", d.UID, d.Title, d.SchemaVersion)
	}
	ids := map[int]string{}
	for i, p := range d.Panels {
		if other, twice := ids[p.ID]; twice || p.ID <= 0 {
			t.Errorf("%q has the id %d, like %q", p.Title, p.ID, other)
		}
		ids[p.ID] = p.Title
		if g := p.GridPos; g.X < 0 || g.Y < 0 || g.W <= 0 || g.H <= 0 || g.X+g.W > 24 {
			t.Errorf("%q is outside of the grid: %+v", p.Title, g)
		}
		for _, other := range d.Panels[:i] {
			if overlap(p, other) {
				t.Errorf("%q and %q overlap", p.Title, other.Title)
			}
		}
		if p.Title == "" || !slices.Contains([]string{"row", "stat", "table", "timeseries"}, p.Type) {
			t.Errorf("%q is of type %q", p.Title, p.Type)
		}
		if p.Type != "row" {
			checkTargets(t, p)
		}
	}
}

func overlap(a, b panel) bool {
	g, h := a.GridPos, b.GridPos
	return g.X < h.X+h.W && h.X < g.X+g.W && g.Y < h.Y+h.H && h.Y < g.Y+g.H
}

// checkTargets: a dashboard that names somebody's data source shows nothing to
// anybody else.
func checkTargets(t *testing.T, p panel) {
	t.Helper()
	chosen := source{"prometheus", "${datasource}"}
	if p.Datasource == nil || *p.Datasource != chosen || len(p.Targets) == 0 {
		t.Errorf("%q has the data source %v and %d queries", p.Title, p.Datasource, len(p.Targets))
	}
	refs := map[string]bool{}
	for _, query := range p.Targets {
		if query.RefID == "" || refs[query.RefID] || query.Datasource == nil || *query.Datasource != chosen {
			t.Errorf("%q: query %q has the data source %v", p.Title, query.RefID, query.Datasource)
		}
		refs[query.RefID] = true
	}
}

// exported returns the labels of every metric of ours, and of the series that a
// histogram is made of.
func exported(t *testing.T) map[string][]string {
	t.Helper()
	families, err := happened(busy).registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for _, f := range families {
		name, first := f.GetName(), f.GetMetric()[0]
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		var labels []string
		for _, pair := range first.GetLabel() {
			labels = append(labels, pair.GetName())
		}
		if first.GetHistogram() == nil {
			all[name] = labels
			continue
		}
		all[name+"_bucket"] = append([]string{"le"}, labels...)
		all[name+"_sum"], all[name+"_count"] = labels, labels
	}
	return all
}

// family is the metric that a series belongs to.
func family(series string) string {
	for _, part := range []string{"_bucket", "_sum", "_count"} {
		series = strings.TrimSuffix(series, part)
	}
	return series
}

var (
	series   = regexp.MustCompile(`\b(userspace_\w+)\s*(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`^\s*(\w+)\s*(?:=~|!~|!=|=)\s*"[^"]*"\s*$`)
	grouping = regexp.MustCompile(`\b(?:by|without)\s*\(([^)]*)\)`)
	legend   = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)
	valueOf  = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)
	dollar   = regexp.MustCompile(`\$\{?(\w+)`)
)

// given are the labels that Prometheus itself adds to each series.
var given = []string{"instance", "job"}

// TestDashboardMetrics: every name in the dashboard's queries is exported, and
// every metric is on the dashboard.
func TestDashboardMetrics(t *testing.T) {
	d := readDashboard(t)
	known := exported(t)
	used := map[string]bool{}
	variables := []string{"__rate_interval", "__range"}
	for _, v := range d.Templating.List {
		variables = append(variables, v.Name)
	}
	check := func(where, expr string, labels ...string) {
		t.Helper()
		balanced(t, where, expr)
		for _, name := range dollar.FindAllStringSubmatch(expr, -1) {
			if !slices.Contains(variables, name[1]) {
				t.Errorf("%s: there is no variable %s", where, name[1])
			}
		}
		for _, name := range metricsOf(t, where, expr, known, labels) {
			used[family(name)] = true
		}
	}
	for _, p := range d.Panels {
		for _, query := range p.Targets {
			labels := []string{}
			for _, group := range grouping.FindAllStringSubmatch(query.Expr, -1) {
				labels = append(labels, strings.Split(group[1], ",")...)
			}
			for _, name := range legend.FindAllStringSubmatch(query.LegendFormat, -1) {
				labels = append(labels, name[1])
			}
			check(p.Title, query.Expr, labels...)
		}
	}
	for _, v := range d.Templating.List {
		if query, ok := v.Query.(map[string]any); ok {
			values := valueOf.FindStringSubmatch(query["query"].(string))
			if values == nil {
				t.Fatalf("variable %s: can't read %v", v.Name, query)
			}
			check(v.Name, values[1], values[2])
		}
	}
	for name := range known {
		if !used[family(name)] {
			t.Errorf("%s is not on the dashboard", name)
		}
	}
}

// metricsOf returns the metrics in an expression. Each must have the labels that
// it is matched by and those given.
func metricsOf(t *testing.T, where, expr string, known map[string][]string, labels []string) (names []string) {
	t.Helper()
	for _, found := range series.FindAllStringSubmatch(expr, -1) {
		name := found[1]
		has, ok := known[name]
		if !ok {
			t.Errorf("%s: %s is not exported", where, name)
			continue
		}
		wanted := slices.Clone(labels)
		for one := range strings.SplitSeq(found[2], ",") {
			if label := matcher.FindStringSubmatch(one); label != nil {
				wanted = append(wanted, label[1])
			} else if one != "" {
				t.Errorf("%s: can't read %q", where, one)
			}
		}
		for _, label := range wanted {
			if label = strings.TrimSpace(label); !slices.Contains(has, label) && !slices.Contains(given, label) {
				t.Errorf("%s: %s has no label %s", where, name, label)
			}
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		t.Errorf("%s: no metric of ours in %s", where, expr)
	}
	return names
}

// balanced checks brackets and quotes.
func balanced(t *testing.T, where, expr string) {
	t.Helper()
	closing := map[rune]rune{'(': ')', '[': ']', '{': '}'}
	var open []rune
	quoted := false
	for _, c := range expr {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case closing[c] != 0:
			open = append(open, closing[c])
		case strings.ContainsRune(")]}", c):
			if len(open) == 0 || open[len(open)-1] != c {
				t.Errorf("%s: unexpected %c in %s", where, c, expr)
				return
			}
			open = open[:len(open)-1]
		}
	}
	if quoted || len(open) > 0 {
		t.Errorf("%s: unfinished: %s", where, expr)
	}
}
