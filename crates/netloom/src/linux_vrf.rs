//! Routing domains on Linux: the control groups that bind their processes' sockets (`ip vrf exec`, `identify`, `pids`).
//!
//! The steps and their order are iproute2's, so that what fails first is what it would name, and what is left behind is
//! what it would leave: the mount of the control groups and the groups themselves stay, for they are there to be used by
//! many processes and cost nothing.

use edge::cgroup::{self, Members};
use edge::{bpf, domain, netns, system};
use iproute::host::NotBound;
use rtnl::errno::Errno;
use std::path::{Path, PathBuf};

/// Where control groups are mounted; mounts them if they are not.
fn mount_point() -> Result<PathBuf, NotBound> {
    match cgroup::mount_point() {
        Ok(Some(place)) => return Ok(place),
        Ok(None) => {}
        Err(errno) => system::write_err(&format!("Failed to open mounts file: {errno}\n")),
    }
    let place = Path::new(cgroup::MOUNT_POINT);
    cgroup::make(place).map_err(|(path, errno)| NotBound::MountPoint(path.display().to_string(), errno))?;
    cgroup::mount().map_err(NotBound::Mount)?;
    Ok(place.into())
}

/// The name of the current namespace, if it has one; of several the last.
fn namespace() -> Result<Option<String>, NotBound> {
    netns::current().map_err(NotBound::OwnNamespace)?;
    Ok(netns::identify(None).map_err(NotBound::NamespaceNames)?.pop())
}

/// Has the control group of a domain be there, and bind its processes to the link; gives the list that a process joins
/// it by.
pub(crate) fn prepare(name: &str, link: Option<u32>) -> Result<Members, NotBound> {
    let mount = mount_point()?;
    let namespace = namespace()?;
    let own = cgroup::of(None).map_err(NotBound::OwnGroup)?.unwrap_or_default();
    let name = if link.is_some() { name } else { "" };
    let group = domain::group(&mount, &own, namespace.as_deref(), name).map_err(NotBound::OwnGroup)?;
    cgroup::make(&group).map_err(|(path, errno)| NotBound::MakeGroup(path.display().to_string(), errno))?;
    if let Some(link) = link {
        let opened = cgroup::open(&group).map_err(NotBound::OpenGroup)?;
        let program = bpf::load(link).map_err(NotBound::Load)?;
        bpf::attach(&program, &opened).map_err(NotBound::Attach)?;
    }
    Members::open(&group).map_err(NotBound::Members)
}

/// The domain that a process is bound to.
pub(crate) fn identify(pid: Option<u32>) -> Result<String, Errno> {
    Ok(domain::of_group(&cgroup::of(pid)?.unwrap_or_default()))
}

/// The processes that are bound to a domain, and their programs.
pub(crate) fn pids(name: &str) -> Result<Vec<(u32, Option<String>)>, NotBound> {
    let mount = mount_point()?;
    let namespace = namespace()?;
    domain::processes(&mount, namespace.as_deref(), name).map_err(|_| NotBound::Look)
}
