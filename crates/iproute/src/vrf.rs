//! `ip vrf`: the routing domains there are, and programs that are bound to one (iproute2 `ipvrf.c`).
//!
//! What binds a program is the host's: on Linux a program of BPF on a control group. In a batch where a domain cannot be
//! entered, iproute2 goes on with the lines behind it in two processes, so that each is carried out twice; here it is
//! carried out once.

use crate::context::{AF_UNSPEC, Context};
use crate::host::NotBound;
use rtnl::attr::Builder;
use rtnl::errno::Errno;
use rtnl::kind::vrf;
use rtnl::message::{Message, Messages, Refusal};
use rtnl::object::link::*;
use rtnl::table::Tb;
use rtnl::words::{Stop, Words, matches, number};

const USAGE: &str = "\
Usage:\tip vrf show [NAME] ...
\tip vrf exec [NAME] cmd ...
\tip vrf identify [PID]
\tip vrf pids [NAME]
";

/// How the tool begins when it does not know which namespace it is in.
const NO_NAMESPACE: &str = "Failed to get name of network namespace";
/// The name that stands for no domain.
const NONE: &str = "default";

/// What a verb does with the words behind it.
type Deed = fn(&mut Context<'_>, &mut Words<'_>) -> Result<(), Stop>;

/// The verbs in the order in which they are tried; any prefix will do.
const VERBS: &[(&str, Deed)] = &[
    ("identify", identify),
    ("pids", pids),
    ("exec", exec),
    ("show", show),
    ("lst", show),
    ("list", show),
    ("help", |_, _| Err(Stop::exit(USAGE))),
];

/// Runs the words behind `ip vrf`.
///
/// # Errors
/// What the tool says.
pub fn run(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    let mut words = Words::new(words);
    let Some(verb) = words.take() else { return show(ctx, &mut words) };
    match VERBS.iter().find(|(word, _)| matches(verb, word)) {
        Some((_, deed)) => deed(ctx, &mut words),
        None => Err(Stop::exit(format!("Command \"{verb}\" is unknown, try \"ip vrf help\".\n"))),
    }
}

/// The name and the table of a link that is a domain.
fn domain(message: &Message<'_>) -> Option<(String, u32)> {
    let tb = Tb::read(message.attrs(Ifinfo::SIZE));
    let table = vrf::table(&tb.nest(IFLA_LINKINFO)).filter(|table| *table != 0)?;
    Some((String::from_utf8_lossy(tb.string(IFLA_IFNAME)?).into_owned(), table))
}

/// The index and the table of the domain of that name.
fn find(ctx: &mut Context<'_>, name: &str) -> Option<(u32, u32)> {
    let mut body = Builder::new();
    Ifinfo { family: ctx.options.family, ..Ifinfo::default() }.encode(&mut body);
    body.string(IFLA_IFNAME, name.as_bytes());
    let answer = ctx.session.client(|client| client.ask(RTM_GETLINK, 0, &body.bytes)).ok()?;
    let message = Messages(&answer).next()?;
    let ifindex = Ifinfo::decode(&message)?.ifindex;
    domain(&message).map(|(_, table)| (ifindex as u32, table))
}

/// `show [ NAME ]`: all domains, or one.
fn show(ctx: &mut Context<'_>, words: &mut Words<'_>) -> Result<(), Stop> {
    if words.left() > 1 {
        return Err(Stop::exit(USAGE));
    }
    if let Some(name) = words.take() {
        let (_, table) = find(ctx, name).ok_or_else(|| Stop::fail(255, "Invalid VRF\n"))?;
        ctx.sink.out.push_str(&format!("{name} {table}\n"));
        return Ok(());
    }
    let mut body = Builder::new();
    Ifinfo { family: ctx.options.family, ..Ifinfo::default() }.encode(&mut body);
    // Of one family's links the tool wants all, and finds nothing in what the kernel tells of them.
    if ctx.options.family == AF_UNSPEC {
        let nest = body.nest(IFLA_LINKINFO);
        body.put(IFLA_INFO_KIND, vrf::KIND.name.as_bytes());
        body.end(nest);
    }
    let links = ctx.dump(RTM_GETLINK, &body.bytes)?;
    let messages = links.iter().flat_map(|part| Messages(part));
    let domains: Vec<(String, u32)> = messages.filter_map(|message| domain(&message)).collect();
    let sink = &mut ctx.sink;
    sink.open_array("", "");
    sink.text(&format!("{:<16}  {:>5}\n{}\n", "Name", "Table", "-".repeat(23)));
    for (name, table) in &domains {
        sink.open_object("");
        sink.string("name", "", name, "");
        // Columns of 16 and 5.
        let width = 17_usize.saturating_sub(name.len()) + 5_usize.saturating_sub(table.to_string().len());
        sink.uint("table", &" ".repeat(width), u64::from(*table), "\n");
        sink.close_object();
    }
    if domains.is_empty() {
        sink.text("No VRF has been configured\n");
    }
    sink.close_array("");
    sink.finish_json();
    Ok(())
}

/// `identify [ PID ]`: the domain that a process is bound to; nothing if it is bound to none.
fn identify(ctx: &mut Context<'_>, words: &mut Words<'_>) -> Result<(), Stop> {
    let pid = match words.take() {
        None => None,
        Some(_) if words.left() > 0 => {
            return Err(Stop::invalid("Extra arguments specified\n", words.take().unwrap_or_default()));
        }
        Some(text) => {
            let pid = number(text, 10, u64::from(u32::MAX)).and_then(|pid| u32::try_from(pid).ok());
            Some(pid.ok_or_else(|| Stop::invalid("Invalid pid\n", text))?)
        }
    };
    let name = ctx.host.vrf_identify(pid);
    let name = name.map_err(|errno| Stop::fail(1, format!("Failed to lookup vrf association: {errno}\n")))?;
    if !name.is_empty() {
        ctx.sink.out.push_str(&format!("{name}\n"));
    }
    Ok(())
}

/// `pids NAME`: the processes that are bound to a domain.
fn pids(ctx: &mut Context<'_>, words: &mut Words<'_>) -> Result<(), Stop> {
    let (Some(name), 0) = (words.take(), words.left()) else {
        return Err(Stop::fail(1, "Invalid arguments\n"));
    };
    find(ctx, name).ok_or_else(|| Stop::fail(1, "Invalid VRF name\n"))?;
    let pids = ctx.host.vrf_pids(name).map_err(|why| Stop::fail(1, not_bound(&why)))?;
    for (pid, program) in pids {
        ctx.sink.out.push_str(&format!("{pid:5}  {}\n", program.as_deref().unwrap_or("<terminated?>")));
    }
    Ok(())
}

/// `exec NAME COMMAND…`: runs a program whose sockets are bound to a domain; `default` is none.
fn exec(ctx: &mut Context<'_>, words: &mut Words<'_>) -> Result<(), Stop> {
    let name = words.take().ok_or_else(|| Stop::fail(1, "No VRF name specified\n"))?;
    if words.left() == 0 {
        return Err(Stop::fail(1, "No command specified\n"));
    }
    let link = match name {
        NONE => None,
        _ => {
            let found = find(ctx, name).ok_or_else(|| Stop::fail(255, "Invalid VRF name\n"))?;
            Some(found.0)
        }
    };
    ctx.flush();
    ctx.host.vrf_enter(name, link).map_err(|why| {
        ctx.refusal = why.errno().map(Refusal::new);
        Stop::fail(255, not_bound(&why))
    })?;
    let beside = ctx.options.batch.is_some();
    let status = ctx.execute(words.rest(), beside);
    ctx.host.vrf_leave();
    status
}

/// Unbinds programs from the domain of the namespace that is about to be left; says whether [`Host::vrf_leave`] is to
/// be called behind them. If it fails they stay bound.
///
/// [`Host::vrf_leave`]: crate::host::Host::vrf_leave
pub(crate) fn reset(ctx: &mut Context<'_>) -> bool {
    if ctx.host.vrf_identify(None).is_ok_and(|name| !name.is_empty()) {
        match ctx.host.vrf_enter(NONE, None) {
            Ok(()) => return true,
            Err(why) => ctx.host.err(&not_bound(&why)),
        }
    }
    false
}

/// What the tool says.
fn not_bound(why: &NotBound) -> String {
    match why {
        NotBound::MountPoint(path, errno) => {
            format!("mkdir failed for {path}: {errno}\nFailed to setup cgroup2 directory\n")
        }
        NotBound::Mount(Errno::ENODEV) => {
            "Failed to mount cgroup2. Are CGROUPS enabled in your kernel?\n".into()
        }
        NotBound::Mount(errno) => format!("Failed to mount cgroup2: {errno}\n"),
        NotBound::OwnNamespace(errno) => {
            format!("Cannot open network namespace: {errno}\n{NO_NAMESPACE}: {errno}\n")
        }
        NotBound::NamespaceNames(errno) => {
            format!("Failed to open directory /run/netns:{errno}\n{NO_NAMESPACE}: {errno}\n")
        }
        NotBound::OwnGroup(errno) => format!("Failed to get base cgroup path: {errno}\n"),
        NotBound::MakeGroup(path, errno) => {
            format!("mkdir failed for {path}: {errno}\nFailed to setup vrf cgroup2 directory\n")
        }
        NotBound::OpenGroup(errno) => format!("Failed to open cgroup path: '{errno}'\n"),
        NotBound::Load(Errno::EPERM) => format!("Failed to load BPF prog: '{}'\n", Errno::EPERM),
        NotBound::Load(errno) => {
            format!("Failed to load BPF prog: '{errno}'\nKernel compiled with CGROUP_BPF enabled?\n")
        }
        NotBound::Attach(errno) => format!("Failed to attach prog to cgroup: '{errno}'\n"),
        NotBound::Members(errno) => format!("Failed to open cgroups.procs file: {errno}.\n"),
        NotBound::Join => "Failed to join cgroup\n".into(),
        NotBound::Look => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, TestHost};

    #[test]
    fn each_step_fails_in_the_tools_words() {
        let (path, no) = ("/run/cgroup2/vrf".to_string(), Errno::EACCES);
        let said = [
            (
                NotBound::MountPoint("/var".into(), Errno::EROFS),
                "mkdir failed for /var: Read-only file system\nFailed to setup cgroup2 directory\n",
            ),
            (NotBound::Mount(Errno::EPERM), "Failed to mount cgroup2: Operation not permitted\n"),
            (
                NotBound::Mount(Errno::ENODEV),
                "Failed to mount cgroup2. Are CGROUPS enabled in your kernel?\n",
            ),
            (
                NotBound::OwnNamespace(no),
                "Cannot open network namespace: Permission denied\n\
                 Failed to get name of network namespace: Permission denied\n",
            ),
            (
                NotBound::NamespaceNames(no),
                "Failed to open directory /run/netns:Permission denied\n\
                 Failed to get name of network namespace: Permission denied\n",
            ),
            (NotBound::OwnGroup(no), "Failed to get base cgroup path: Permission denied\n"),
            (
                NotBound::MakeGroup(path, no),
                "mkdir failed for /run/cgroup2/vrf: Permission denied\nFailed to setup vrf cgroup2 directory\n",
            ),
            (NotBound::OpenGroup(no), "Failed to open cgroup path: 'Permission denied'\n"),
            (NotBound::Load(Errno::EPERM), "Failed to load BPF prog: 'Operation not permitted'\n"),
            (
                NotBound::Load(Errno::EINVAL),
                "Failed to load BPF prog: 'Invalid argument'\nKernel compiled with CGROUP_BPF enabled?\n",
            ),
            (NotBound::Attach(Errno::EINVAL), "Failed to attach prog to cgroup: 'Invalid argument'\n"),
            (NotBound::Members(no), "Failed to open cgroups.procs file: Permission denied.\n"),
            (NotBound::Join, "Failed to join cgroup\n"),
            (NotBound::Look, ""),
        ];
        for (why, want) in said {
            assert_eq!(not_bound(&why), want, "{why:?}");
        }
    }

    #[test]
    fn numbers_of_processes_are_decimal() {
        let mut host = TestHost::default();
        for (line, want) in [
            ("ip vrf identify 0x1", "Error: argument \"0x1\" is wrong: Invalid pid\n\n"),
            ("ip vrf identify -1", "Error: argument \"-1\" is wrong: Invalid pid\n\n"),
            ("ip vrf identify 1 2", "Error: argument \"2\" is wrong: Extra arguments specified\n\n"),
        ] {
            assert_eq!(testing::run(&mut host, line, run), (want.into(), 255), "{line}");
        }
    }
}
