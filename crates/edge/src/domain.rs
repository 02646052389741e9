//! Which control groups bind their processes to a routing domain (a `vrf`), by their names.
//!
//! The group of the domain NAME is `vrf/NAME` below the group that a process was in before, and in a namespace that has
//! a name the group `NAMESPACE-ns` comes between. A process that goes from one domain to another, or back to none, leaves
//! what `vrf` added behind first. These are iproute2's names, so that its processes are seen here and ours there.
//!
//! Limits: groups deeper than 256 levels are not looked into.

use crate::cgroup::members;
use crate::system;
use rtnl::errno::Errno;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// The group above those of domains.
const GROUP: &str = "vrf";
/// The most bytes of a domain's name that are told; more than a link's name can have.
const NAME_MAX: usize = 31;
/// The deepest group that is looked into.
const DEPTH_MAX: usize = 256;

/// The group between, in a namespace of that name.
fn of_namespace(namespace: &str) -> String {
    format!("{namespace}-ns")
}

fn find(text: &[u8], what: &str) -> Option<usize> {
    text.windows(what.len()).position(|bytes| bytes == what.as_bytes())
}

/// The group of a domain (of none, if the name is empty), for a process that is in the group `own` now and in a
/// namespace of that name. `mount` is where groups are mounted.
///
/// # Errors
/// ENOENT if the group of the process is not below the mount, as in a container that sees only a part of them.
pub fn group(mount: &Path, own: &[u8], namespace: Option<&str>, name: &str) -> Result<PathBuf, Errno> {
    // Any group whose name begins so counts as one for domains.
    let base = &own[..find(own, "/vrf").unwrap_or(own.len())];
    let base = Path::new(OsStr::from_bytes(base));
    if base.components().any(|component| component == Component::ParentDir) {
        return Err(Errno::ENOENT);
    }
    let mut group = mount.join(base.strip_prefix("/").unwrap_or(base));
    let between = namespace.map(of_namespace).filter(|between| base.file_name() != Some(OsStr::new(between)));
    group.extend(between);
    group.push(GROUP);
    if !name.is_empty() {
        group.push(name);
    }
    Ok(group)
}

/// The domain that the processes of a group are bound to; empty if they are bound to none.
pub fn of_group(group: &[u8]) -> String {
    let mark = "/vrf/";
    let name = find(group, mark).map_or(&[][..], |at| &group[at + mark.len()..]);
    String::from_utf8_lossy(&name[..name.len().min(NAME_MAX)]).into_owned()
}

/// The processes that are bound to a domain, whatever groups they came from, and the names of their programs; only
/// those of one namespace, if it has a name.
///
/// # Errors
/// What the system says if it does not let us look at the groups at all.
pub fn processes(
    mount: &Path,
    namespace: Option<&str>,
    name: &str,
) -> Result<Vec<(u32, Option<String>)>, Errno> {
    let between = namespace.map(of_namespace);
    let counts = |group: &Path| {
        between.as_ref().is_none_or(|between| group.file_name() == Some(OsStr::new(between.as_str())))
    };
    let mut found = Vec::new();
    let mut open = vec![(mount.to_path_buf(), fs::read_dir(mount).map_err(|e| system::errno(&e))?)];
    while let Some((group, entries)) = open.last_mut() {
        let Some(entry) = entries.next() else {
            open.pop();
            continue;
        };
        // A group may go while we look.
        let Ok(entry) = entry else { continue };
        if entry.file_name() == GROUP {
            if counts(group) {
                found.extend(members(&group.join(GROUP).join(name)));
            }
        } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) && open.len() < DEPTH_MAX {
            let below = entry.path();
            if let Ok(entries) = fs::read_dir(&below) {
                open.push((below, entries));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the recordings of iproute2 6.1.0 on Linux 6.1 have them: the group before, the namespace, the group behind.
    const GROUPS: &[(&str, Option<&str>, &str)] = &[
        ("/", None, "/vrf/v"),
        ("/app", None, "/app/vrf/v"),
        ("/vrfapp.slice", None, "/vrf/v"),
        ("/vrfapp.slice/x", None, "/vrf/v"),
        ("/a/vrf/b/vrf/c", None, "/a/vrf/v"),
        ("/vrf/other", None, "/vrf/v"),
        ("/blue-ns", Some("blue"), "/blue-ns/vrf/v"),
        ("/blue-ns/vrf/v", Some("blue"), "/blue-ns/vrf/v"),
        ("/xblue-ns", Some("blue"), "/xblue-ns/blue-ns/vrf/v"),
        ("/blue-ns/foo", Some("blue"), "/blue-ns/foo/blue-ns/vrf/v"),
        ("/foo/blue-ns", Some("blue"), "/foo/blue-ns/vrf/v"),
        ("/foo/blue-nsx", Some("blue"), "/foo/blue-nsx/blue-ns/vrf/v"),
        ("", Some("blue"), "/blue-ns/vrf/v"),
    ];

    #[test]
    fn groups_have_the_names_that_iproute2_gives_them() {
        for (own, namespace, want) in GROUPS {
            let got = group(Path::new("/m"), own.as_bytes(), *namespace, "v").expect("it is below");
            assert_eq!(got, PathBuf::from(format!("/m{want}")), "{own}");
        }
        let none = group(Path::new("/m"), b"/q/vrf/v", Some("blue"), "").expect("it is below");
        assert_eq!(none, PathBuf::from("/m/q/blue-ns/vrf"));
        assert_eq!(group(Path::new("/m"), b"/../other", None, "v"), Err(Errno::ENOENT));
    }

    #[test]
    fn a_group_tells_its_domain() {
        let long = "b".repeat(80);
        for (group, want) in [
            ("/vrf/v", "v"),
            ("/a/vrf/b/vrf/c", "b/vrf/c"),
            ("/vrf", ""),
            ("/vrfx", ""),
            ("/", ""),
            (&format!("/a/vrf/{long}"), &long[..31]),
        ] {
            assert_eq!(of_group(group.as_bytes()), want, "{group}");
        }
    }

    #[test]
    fn processes_are_found_below_any_group() {
        let top = std::env::temp_dir().join(format!("netloom-domains-{}", std::process::id()));
        let groups = [
            "vrf/v",
            "a/vrf/v",
            "a/vrf/q/vrf/v",
            "blue-ns/z/vrf/v",
            "z/blue-ns/vrf/v",
            "blue-ns/vrf/v",
            "b/vrf/w",
        ];
        for (at, group) in groups.iter().enumerate() {
            fs::create_dir_all(top.join(group)).expect("room for a directory");
            fs::write(top.join(group).join("cgroup.procs"), format!("{}\n", u32::MAX - at as u32))
                .expect("room");
        }
        let found = |namespace| {
            let told = processes(&top, namespace, "v").expect("it can be read");
            let mut places: Vec<usize> = told.iter().map(|(pid, _)| (u32::MAX - pid) as usize).collect();
            places.sort_unstable();
            places
        };
        assert_eq!(found(None), [0, 1, 3, 4, 5]);
        assert_eq!(found(Some("blue")), [4, 5]);
        assert_eq!(found(Some("red")), []);
        fs::remove_dir_all(&top).expect("it goes");
        assert_eq!(processes(&top, None, "v"), Err(Errno::ENOENT));
    }
}
