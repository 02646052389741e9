//! The grammar and the printing of `ip` and `bridge`, equal to iproute2 6.1.0. Sees the seam, never a kernel.

#![forbid(unsafe_code)]

pub mod address;
pub mod batch;
pub mod bridge;
pub mod context;
pub mod echo;
pub mod flush;
pub mod glob;
pub mod host;
pub mod link;
mod link_dump;
pub mod link_list;
pub mod link_modify;
pub mod link_show;
pub mod link_stats;
pub mod lladdr;
pub mod maddress;
pub mod monitor;
pub mod neighbour;
pub mod netconf;
pub mod netns;
pub mod options;
#[cfg(test)]
mod replay;
pub mod route;
pub mod rule;
mod saved;
pub mod session;
#[cfg(test)]
mod testing;
pub mod time;
pub mod usage;
pub mod vrf;

use context::Context;
use host::Host;
use options::Parsed;
use rtnl::words::{Stop, matches};

/// Runs the words behind an object.
type Run = fn(&mut Context<'_>, &[String]) -> Result<(), Stop>;

/// The objects in the order in which a prefix is tried on them. Those that are not built yet have nothing to run.
static OBJECTS: &[(&str, Option<Run>)] = &[
    ("address", Some(address::run)),
    ("addrlabel", None),
    ("maddress", Some(maddress::run)),
    ("route", Some(route::run)),
    ("rule", Some(rule::run)),
    ("neighbor", Some(neighbour::run)),
    ("neighbour", Some(neighbour::run)),
    ("ntable", None),
    ("ntbl", None),
    ("link", Some(link::run)),
    ("l2tp", None),
    ("fou", None),
    ("ila", None),
    ("macsec", None),
    ("tunnel", None),
    ("tunl", None),
    ("tuntap", None),
    ("tap", None),
    ("token", None),
    ("tcpmetrics", None),
    ("tcp_metrics", None),
    ("monitor", Some(monitor::run)),
    ("xfrm", None),
    ("mroute", None),
    ("mrule", None),
    ("netns", Some(netns::run)),
    ("netconf", Some(netconf::run)),
    ("vrf", Some(vrf::run)),
    ("sr", None),
    ("nexthop", None),
    ("mptcp", None),
    ("ioam", None),
    ("help", Some(|_, _| Err(usage::usage()))),
    ("stats", None),
];

/// Runs `ip` with these words, of which the first is the one behind `ip`, and gives its exit status.
pub fn ip(host: &mut dyn Host, words: &[String]) -> i32 {
    let mut entered = Vec::new();
    let status = match options::parse(host, words, &mut entered) {
        Ok(parsed) => run(host, parsed),
        Err(stop) => {
            host.err(&stop.error);
            host.out(&stop.output);
            stop.status
        }
    };
    for back in entered.into_iter().rev() {
        host.netns_leave(back);
    }
    status
}

fn run(host: &mut dyn Host, parsed: Parsed<'_>) -> i32 {
    let Parsed { options, format, words } = parsed;
    let mut ctx = match Context::new(&mut *host, options, format) {
        Ok(ctx) => ctx,
        Err(stop) => {
            host.err(&stop.error);
            return stop.status;
        }
    };
    let done = match ctx.options.batch.clone() {
        Some(file) => batch::run(&mut ctx, &file, command),
        None => command(&mut ctx, words),
    };
    let status = match done {
        Ok(()) => 0,
        Err(stop) => {
            ctx.print_stop(&stop);
            ctx.explain(&stop, words);
            stop.status
        }
    };
    ctx.flush();
    status
}

/// One command: an object and what follows.
fn command(ctx: &mut Context<'_>, words: &[String]) -> Result<(), Stop> {
    let Some((typed, rest)) = words.split_first() else { return Err(usage::usage()) };
    match OBJECTS.iter().find(|(object, _)| matches(typed, object)) {
        Some((_, Some(run))) => run(ctx, rest),
        Some((object, None)) => Err(Stop::fail(2, format!("netloom: \"ip {object}\" is not built yet\n"))),
        None => Err(Stop::fail(1, format!("Object \"{typed}\" is unknown, try \"ip help\".\n"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestHost, split};

    #[test]
    fn options_and_objects_are_tried_in_the_tools_order() {
        let usage = usage::usage().error;
        let cases: &[(&str, &str, i32)] = &[
            ("", &usage, 255),
            ("-", &usage, 255),
            ("-h", &usage, 255),
            ("-he", &usage, 255),
            ("-b", &usage, 255),
            ("h", &usage, 255),
            ("-V -x", "ip utility, iproute2-6.1.0, libbpf 1.1.2\n", 0),
            ("-e link", "Option \"-e\" is unknown, try \"ip -help\".\n", 255),
            ("--e link", "Option \"-e\" is unknown, try \"ip -help\".\n", 255),
            ("-c=foo link", "Option \"-c=foo\" is unknown, try \"ip -help\".\n", 255),
            ("-n nosuch -x", "Cannot open network namespace \"nosuch\": No such file or directory\n", 255),
            ("-d -n", "Cannot open network namespace \"(null)\": No such file or directory\n", 255),
            ("-f ipx link", "Error: argument \"ipx\" is wrong: invalid protocol family\n", 255),
            ("-rc x", "Invalid rcvbuf size 'x'\n", 255),
            ("lo", "Object \"lo\" is unknown, try \"ip help\".\n", 1),
            ("-- -d", "Object \"-d\" is unknown, try \"ip help\".\n", 1),
            ("''", "Object \"\" is unknown, try \"ip help\".\n", 1),
            ("nt", "netloom: \"ip ntable\" is not built yet\n", 2),
            ("link shw", "Command \"shw\" is unknown, try \"ip link help\".\n", 255),
            ("link show nosuch", "Device \"nosuch\" does not exist.\n", 1),
            (
                "-j -br link show d0",
                "[{\"ifname\":\"d0\",\"address\":\"00:00:00:00:00:00\",\"flags\":[]}]\n",
                0,
            ),
            ("-j link show d0 up", "[{}]\n", 0),
            (
                "-j link show if77",
                "RTNETLINK answers: No such device\nCannot send link get request: No such device\n[]\n",
                1,
            ),
            ("mon foo", "Argument \"foo\" is unknown, try \"ip monitor help\".\n", 255),
            ("mon stats", "netloom: \"ip monitor stats\" is not built yet\n", 2),
        ];
        for (line, want, status) in cases {
            let mut host = TestHost::default();
            let got = ip(&mut host, &split(line));
            assert_eq!((host.written.as_str(), got), (*want, *status), "ip {line}");
        }
    }
}
