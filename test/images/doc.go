// Package images tries the images of docker: in make test it reads their
// Dockerfiles, in make test-images it builds them and runs what is in them. It has
// no code but tests, and installs nothing.
package images
