//! `ip monitor`: prints what the kernel tells of changes, for as long as the host lets it wait.
