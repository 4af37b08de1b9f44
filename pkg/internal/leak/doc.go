// Package leak helps tests to see that no text that people read, an error or a
// line in a log, tells a secret. It is for tests alone, and knows no kind of
// document: a secret is what stands under the key "secret" in JSON.
package leak
