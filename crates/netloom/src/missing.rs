//! What is missing where Linux refuses a command: a module, a part of the kernel, a right; and what to do about it.
//!
//! It is said behind the words that the tool prints, on standard error, and only by `netloom --on linux`: where this
//! program stands in for `ip` it says what `ip` says. The kernel asks for the module of a link type by an alias,
//! `rtnl-link-TYPE`, and the aliases of all installed modules stand in a file; so this needs no list of types but for
//! the names of modules that are not installed.

use rtnl::errno::Errno;
use rtnl::kind;
use rtnl::message::Refusal;
use std::net::Ipv6Addr;
use std::path::Path;

/// The modules of link types that are not called as the type is.
const MODULES: &[(&str, &str)] = &[
    ("batadv", "batman-adv"),
    ("bond", "bonding"),
    ("erspan", "ip_gre"),
    ("gre", "ip_gre"),
    ("gretap", "ip_gre"),
    ("ip6erspan", "ip6_gre"),
    ("ip6gre", "ip6_gre"),
    ("ip6gretap", "ip6_gre"),
    ("ip6tnl", "ip6_tunnel"),
    ("ipoib", "ib_ipoib"),
    ("vlan", "8021q"),
    ("vti", "ip_vti"),
    ("vti6", "ip6_vti"),
    ("xfrm", "xfrm_interface"),
];

/// The parts of the kernel that the first word of a command needs, where it is built without them.
const PARTS: &[(&str, &str)] = &[
    ("rule", "CONFIG_IP_MULTIPLE_TABLES"),
    ("vlan", "CONFIG_BRIDGE_VLAN_FILTERING"),
    ("mdb", "CONFIG_BRIDGE_IGMP_SNOOPING"),
];

/// How the program was told to use this kernel.
const LINUX_FLAG: &str = "--on linux";

/// What the system tells about itself.
pub(crate) struct System<'s> {
    /// The kernel's release, such as `6.1.0-18-amd64`.
    pub(crate) release: &'s str,
    /// The aliases of the installed modules, as `modules.alias` has them; none if none are installed.
    pub(crate) aliases: Option<&'s str>,
    /// Whether the kernel can load modules at all.
    pub(crate) loads_modules: bool,
    /// Whether the user is root.
    pub(crate) is_root: bool,
    /// Whether the kernel has IPv6.
    pub(crate) has_inet6: bool,
}

/// Asks the system.
pub(crate) fn on_this_system<T>(ask: impl FnOnce(&System<'_>) -> T) -> T {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let release = read("/proc/sys/kernel/osrelease").unwrap_or_default();
    let aliases = read(&format!("/lib/modules/{}/modules.alias", release.trim()));
    ask(&System {
        release: release.trim(),
        aliases: aliases.as_deref(),
        loads_modules: Path::new("/proc/modules").exists(),
        is_root: edge::private::is_root(),
        has_inet6: Path::new("/proc/sys/net/ipv6").exists(),
    })
}

/// What is missing for these words of `ip` or `bridge`, and what to do; none if that is not known.
pub(crate) fn missing(words: &[String], refusal: &Refusal, system: &System<'_>) -> Option<String> {
    let kind = words.iter().position(|word| word == "type").and_then(|at| words.get(at + 1));
    if let Some(text) = missing_for_domain(words, refusal.errno) {
        return Some(text);
    }
    match (refusal.errno, refusal.sentence.as_deref(), kind) {
        (Errno::EOPNOTSUPP, Some("Unknown device type." | "Unknown device type"), Some(kind)) => {
            Some(missing_type(kind, system))
        }
        (Errno::EPERM | Errno::EACCES, _, _) if !system.is_root => Some(format!(
            "that needs root; `netloom {LINUX_FLAG} --private …` does it on this kernel without, in a corner of its own"
        )),
        (Errno::EOPNOTSUPP | Errno::EAFNOSUPPORT, None, _) => missing_part(words, system),
        _ => None,
    }
}

/// What binding to a routing domain lacks. Who is root in namespaces of their own only is not root here.
fn missing_for_domain(words: &[String], errno: Errno) -> Option<String> {
    let begins = |at: usize, whole: &str| {
        words.get(at).is_some_and(|word| !word.is_empty() && whole.starts_with(word.as_str()))
    };
    if !(begins(0, "vrf") && begins(1, "exec")) {
        return None;
    }
    let embedded = format!("the embedded kernel does it without: leave `{LINUX_FLAG}` out");
    match errno {
        Errno::EPERM | Errno::EACCES | Errno::EROFS => Some(format!(
            "that needs the machine's own root, who may make control groups and load programs of BPF; {embedded}"
        )),
        Errno::ENODEV | Errno::ENOSYS | Errno::EINVAL => {
            Some(format!("this kernel may be built without CONFIG_CGROUP_BPF, which that needs; {embedded}"))
        }
        _ => None,
    }
}

fn missing_type(kind: &str, system: &System<'_>) -> String {
    let release = system.release;
    let alias = format!("rtnl-link-{kind}");
    let line =
        |line: &str| Some(line.strip_prefix("alias ")?.strip_prefix(&alias)?.strip_prefix(' ')?.to_string());
    let installed = system.aliases.and_then(|aliases| aliases.lines().find_map(line));
    let says = format!("this kernel ({release}) has no link type \"{kind}\"");
    if let Some(module) = installed {
        return format!(
            "{says}: its module \"{module}\" is installed and could not be loaded; \
             `modprobe {module}`, as root, tells why"
        );
    }
    let embedded = match kind::find(kind) {
        Some(_) => format!("; the embedded kernel has it: leave `{LINUX_FLAG}` out"),
        None => String::new(),
    };
    if !system.loads_modules {
        return format!("{says} and loads no modules; boot one that has it{embedded}");
    }
    let module = MODULES.iter().find(|(of, _)| *of == kind).map_or(kind, |(_, module)| module);
    format!(
        "{says}: the module \"{module}\" is not installed; install this kernel's package of modules, \
         then `modprobe {module}` as root{embedded}"
    )
}

fn missing_part(words: &[String], system: &System<'_>) -> Option<String> {
    if !system.has_inet6 && words.iter().any(|word| is_inet6(word)) {
        return Some(
            "this kernel has no IPv6; `modprobe ipv6` as root, or boot it without ipv6.disable=1".into(),
        );
    }
    // One letter is the beginning of another object first.
    let object = words.first().filter(|object| object.len() > 1)?;
    let (_, part) = PARTS.iter().find(|(word, _)| word.starts_with(object.as_str()))?;
    Some(format!("this kernel ({}) may be built without {part}, which \"{object}\" needs", system.release))
}

/// Whether a word is an address of IPv6, with or without the length of its prefix.
fn is_inet6(word: &str) -> bool {
    let address = word.split('/').next().unwrap_or(word);
    address.parse::<Ipv6Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    const ALIASES: &str =
        "# comment\nalias rtnl-link-vlan 8021q\nalias rtnl-link-vlanx other\nalias rtnl-link-bond bonding\n";

    fn said(line: &str, errno: Errno, sentence: Option<&'static str>, system: &System<'_>) -> String {
        let words: Vec<String> = line.split(' ').map(str::to_string).collect();
        let refusal = Refusal { sentence: sentence.map(Cow::Borrowed), ..Refusal::new(errno) };
        missing(&words, &refusal, system).unwrap_or_default()
    }

    #[test]
    fn a_type_names_its_module() {
        let unknown = |line: &str, aliases| {
            let system =
                System { release: "6.1.0", aliases, loads_modules: true, is_root: true, has_inet6: true };
            said(line, Errno::EOPNOTSUPP, Some("Unknown device type."), &system)
        };
        let text = unknown("link add link e0 name v type vlan id 5", Some(ALIASES));
        assert!(text.contains("\"8021q\" is installed") && text.contains("`modprobe 8021q`"), "{text}");
        let text = unknown("link add v type vlan id 5", None);
        assert!(text.contains("(6.1.0)") && text.contains("\"8021q\" is not installed"), "{text}");
        assert!(text.contains("the embedded kernel has it"), "{text}");
        let text = unknown("link add v type nosuch", Some(ALIASES));
        assert!(text.contains("\"nosuch\" is not installed") && !text.contains("embedded"), "{text}");
        assert_eq!(unknown("link add v", None), "");
    }

    #[test]
    fn rights_and_parts() {
        let user = System {
            release: "6.1.0",
            aliases: None,
            loads_modules: false,
            is_root: false,
            has_inet6: false,
        };
        let root = System { is_root: true, ..user };
        let text = said("link add v type vlan id 5", Errno::EOPNOTSUPP, Some("Unknown device type."), &root);
        assert!(text.contains("loads no modules; boot one that has it; the embedded"), "{text}");
        assert!(said("link set lo up", Errno::EPERM, None, &user).contains("--private"));
        assert_eq!(said("link set lo up", Errno::EPERM, None, &root), "");
        assert!(
            said("address add fd00::1/64 dev lo", Errno::EOPNOTSUPP, None, &root).contains("modprobe ipv6")
        );
        assert!(
            said("rule add pref 5", Errno::EOPNOTSUPP, None, &root).contains("CONFIG_IP_MULTIPLE_TABLES")
        );
        assert_eq!(said("r add 10.0.0.0/8 dev lo", Errno::EOPNOTSUPP, None, &root), "");
        assert_eq!(said("link set lo mtu 5", Errno::EOPNOTSUPP, None, &root), "");
        assert_eq!(said("link set lo mtu 5", Errno::EINVAL, None, &root), "");
        assert!(said("vrf exec red true", Errno::EPERM, None, &root).contains("the machine's own root"));
        assert!(said("vrf exec red true", Errno::ENOSYS, None, &root).contains("CONFIG_CGROUP_BPF"));
        assert_eq!(said("vrf show red", Errno::EPERM, None, &root), "");
    }
}
