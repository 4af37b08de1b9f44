package fields

import "path"

// Limit takes a value back that a field's rule allows.
type Limit struct {
	Field   string // path.Match pattern for the field's path
	Value   string // path.Match pattern for the value; empty: any
	Why     string // for people; may be empty
	Allowed string // replaces the rule's text or vocabulary
	Forever bool   // no release will take the value
}

// limitOn finds what speaks against value at field; nil when nothing does.
func (r *Reader) limitOn(field, value string) *Limit {
	for i, l := range r.Limits {
		if matches(l.Field, field) && (l.Value == "" || matches(l.Value, value)) {
			return &r.Limits[i]
		}
	}
	return nil
}

// narrowed is what people are told is allowed at field.
func (r *Reader) narrowed(field, allowed string) string {
	for _, l := range r.Limits {
		if l.Allowed != "" && matches(l.Field, field) {
			return l.Allowed
		}
	}
	return allowed
}

func (l *Limit) problem() string {
	p := "is not supported yet"
	if l.Forever {
		p = "is refused"
	}
	if l.Why == "" {
		return p
	}
	return p + " (" + l.Why + ")"
}

func (l *Limit) err() error {
	if l.Forever {
		return nil
	}
	return ErrUnsupported
}

func matches(pattern, s string) bool {
	ok, err := path.Match(pattern, s)
	return ok && err == nil
}
