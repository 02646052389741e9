//! The options of `bridge` and its usage.

use crate::context::{AF_INET, AF_INET6, Options};
use crate::options::{Act, Tool, prefix, read_batch, whole};
use rtnl::words::Stop;

/// `bridge`, as far as its options go.
pub(super) static BRIDGE: Tool = Tool {
    options: &[
        prefix("-help", Act::Usage),
        prefix("-Version", Act::Version),
        prefix("-stats", Act::Set(|_, format| format.statistics = format.statistics.saturating_add(1))),
        prefix("-statistics", Act::Set(|_, format| format.statistics = format.statistics.saturating_add(1))),
        prefix("-details", Act::Set(|_, format| format.details = format.details.saturating_add(1))),
        prefix("-oneline", Act::Set(|_, format| format.oneline = true)),
        prefix("-timestamp", Act::Set(|options, _| options.timestamp = true)),
        prefix("-family", Act::Word(read_family)),
        whole("-4", Act::Set(|options, _| options.family = AF_INET)),
        whole("-6", Act::Set(|options, _| options.family = AF_INET6)),
        prefix("-netns", Act::Netns),
        prefix("-color", Act::Colour),
        prefix("-compressvlans", Act::Set(|options, _| options.compress_vlans = true)),
        prefix("-force", Act::Set(|options, _| options.force = true)),
        prefix("-json", Act::Set(|_, format| format.json = true)),
        prefix("-pretty", Act::Set(|_, format| format.pretty = true)),
        prefix("-batch", Act::Word(read_batch)),
    ],
    version: "bridge utility, 6.1.0\n",
    help: "bridge help",
    usage,
};

const USAGE: &str = "\
Usage: bridge [ OPTIONS ] OBJECT { COMMAND | help }
       bridge [ -force ] -batch filename
where  OBJECT := { link | fdb | mdb | vlan | monitor }
       OPTIONS := { -V[ersion] | -s[tatistics] | -d[etails] |
                    -o[neline] | -t[imestamp] | -n[etns] name |
                    -c[ompressvlans] -color -p[retty] -j[son] }
";

/// Prints the usage and ends the process.
pub(super) fn usage() -> Stop {
    Stop::exit(USAGE)
}

fn read_family(options: &mut Options, word: &str) -> Result<(), Stop> {
    options.family = match word {
        "inet" => AF_INET,
        "inet6" => AF_INET6,
        "help" => return Err(usage()),
        _ => return Err(Stop::invalid("invalid protocol family", word)),
    };
    Ok(())
}
