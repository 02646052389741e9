//! The laws that the compiler alone does not keep: `kernel` and `rtnl` know no clock, socket, thread, environment,
//! chance or unordered iteration, and only `edge` may hold `unsafe`. Clippy's lists (`clippy.toml` of the two crates)
//! catch uses by type; this scan needs no clippy and also catches what the lists do not name.

#![allow(clippy::disallowed_methods, reason = "it reads the sources")]

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the workspace.
fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every Rust file under a folder, with its text.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        for path in entries.map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source is text");
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "{}: no sources", folder.display());
    found
}

/// A line without what stands behind `//`.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// Words that no line of the two crates may hold.
const IMPURE: &[&str] = &[
    "HashMap",
    "HashSet",
    "RandomState",
    "DefaultHasher",
    "hash_map",
    "std::time",
    "SystemTime",
    "std::thread",
    "thread_local!",
    "std::env",
    "env!",
    "std::fs",
    "std::process",
    "std::os",
    "std::net::Tcp",
    "std::net::Udp",
    "stdin(",
    "stdout(",
    "stderr(",
    "println!",
    "print!",
    "eprintln!",
    "eprint!",
    "dbg!",
    "static mut",
    "Mutex",
    "RwLock",
    "Atomic",
    "as_ptr() as usize",
    "{:p}",
];

#[test]
fn kernel_and_rtnl_are_pure() {
    let mut found = Vec::new();
    for name in ["kernel", "rtnl"] {
        for (path, text) in sources(&workspace().join("crates").join(name).join("src")) {
            for (number, line) in text.lines().enumerate() {
                for word in IMPURE.iter().filter(|word| code(line).contains(**word)) {
                    found.push(format!("{}:{}: {word}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "not pure:\n{}", found.join("\n"));
}

#[test]
fn kernel_and_rtnl_deny_what_clippy_lists() {
    let mut lists = Vec::new();
    for name in ["kernel", "rtnl"] {
        let folder = workspace().join("crates").join(name);
        let root = fs::read_to_string(folder.join("src/lib.rs")).expect("a crate's root");
        let deny = "#![deny(clippy::disallowed_types, clippy::disallowed_methods)]";
        assert!(root.lines().any(|line| line == deny), "{name}: `{deny}` is missing");
        lists.push(fs::read_to_string(folder.join("clippy.toml")).expect("a list"));
    }
    assert_eq!(lists[0], lists[1], "the two lists differ");
}

/// The folders of every crate of the workspace.
fn crates() -> Vec<PathBuf> {
    let entries = fs::read_dir(workspace().join("crates")).expect("crates");
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.expect("a crate").path()).collect();
    folders.push(workspace().join("xtask"));
    folders.retain(|folder| folder.join("Cargo.toml").exists());
    folders.sort();
    folders
}

#[test]
fn unsafe_code_is_forbidden_everywhere_but_at_the_edge() {
    for folder in crates().into_iter().filter(|folder| !folder.ends_with("edge")) {
        let roots = ["src/lib.rs", "src/main.rs"].map(|root| folder.join(root));
        let mut roots = roots.iter().filter(|root| root.exists()).peekable();
        assert!(roots.peek().is_some(), "{}: no root", folder.display());
        for root in roots {
            let text = fs::read_to_string(root).expect("a root is text");
            let forbids = text.lines().any(|line| line == "#![forbid(unsafe_code)]");
            assert!(forbids, "{}: `#![forbid(unsafe_code)]` is missing", root.display());
        }
    }
}

#[test]
fn the_seam_is_kept_by_the_dependencies() {
    // Who must not name whom in Cargo.toml.
    let strangers = [
        ("rtnl", &["kernel", "iproute", "edge", "netloom"][..]),
        ("kernel", &["iproute", "edge", "netloom"]),
        ("iproute", &["kernel", "edge", "netloom"]),
        ("edge", &["kernel", "iproute", "netloom"]),
    ];
    for (name, strangers) in strangers {
        let manifest = workspace().join("crates").join(name).join("Cargo.toml");
        let manifest = fs::read_to_string(manifest).expect("a manifest");
        let names = manifest.lines().filter_map(|line| line.split(['.', '=', ' ']).next());
        let known: Vec<&str> = names.filter(|name| strangers.contains(name)).collect();
        assert!(known.is_empty(), "{name} must not know {known:?}");
    }
}

#[test]
fn the_kernel_depends_on_little() {
    // Beside the workspace's own only `smoltcp`, for the machine of a TCP connection, without what brings the outside
    // in (`std`, `log`, sockets of a system): its time and its seed are arguments.
    let manifest = workspace().join("crates/kernel/Cargo.toml");
    let manifest = fs::read_to_string(manifest).expect("a manifest");
    let (_, rest) = manifest.split_once("\n[dependencies]\n").expect("dependencies");
    let own = rest.split("\n[").next().unwrap_or_default();
    let lines = own.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let names: Vec<&str> = lines.clone().filter_map(|line| line.split(['.', '=', ' ']).next()).collect();
    assert_eq!(names, ["rtnl", "wire", "smoltcp"]);
    let smoltcp = lines.clone().find(|line| line.starts_with("smoltcp")).expect("a line");
    assert!(smoltcp.contains("default-features = false"), "{smoltcp}");
    for outside in ["\"std\"", "\"log\"", "phy-"] {
        assert!(!smoltcp.contains(outside), "{smoltcp}");
    }
}
