package contract

// Annotations that the pod reads.
const (
	AnnotationPrefix = "userspace/"
	// AnnotationData holds a JSON list of entries.
	AnnotationData = AnnotationPrefix + "configuration-data"
	// AnnotationMappedDir is where the pod mounts the shared directory.
	AnnotationMappedDir = AnnotationPrefix + "mapped-dir"
	// AnnotationMappedDirOld is the same, as people wrote it into pods for the
	// Intel plugin.
	AnnotationMappedDirOld = AnnotationPrefix + "mappedDir"
)
