// Stands for git.fd.io/govpp.git, which can't be had any more; nothing of it is
// compiled.
module git.fd.io/govpp.git
