//! Links shown while the dump that tells of them still arrives: the kernel makes its next part meanwhile, and what was
//! shown need not be kept.
//!
//! A link may name another that comes later (`v0@v1`), or a namespace. Each link is tried; one that misses a name is taken back, and
//! it and those behind it wait for the next part. What still waits at the end asks for its names. A dump that changed
//! under the kernel's hands is taken back as a whole and asked for again. So the output is what it would be if all was read
//! before the first link is shown.
//!
//! The dump has a channel of its own, because showing may ask the kernel something.

use crate::context::{Context, dump_refused};
use rtnl::client::{Client, DUMPS_MAX};
use rtnl::message::{Message, Messages, Refusal};
use rtnl::object::link::RTM_GETLINK;
use rtnl::sink::Place;
use rtnl::words::Stop;
use std::collections::VecDeque;

/// Shows a link.
type Show<'s> = dyn FnMut(&mut Context<'_>, &Message<'_>) + 's;

/// Asks for links and shows each. The output stays in the sink.
///
/// # Errors
/// The kernel's refusal in the tool's words for dumps, status 1; nothing is shown then.
pub(crate) fn show_links(ctx: &mut Context<'_>, body: &[u8], show: &mut Show<'_>) -> Result<(), Stop> {
    let begin = ctx.sink.place();
    let shown = try_to_show(ctx, body, begin, show);
    ctx.session.expect_links(false);
    shown.map_err(|refusal| {
        ctx.sink.back_to(begin);
        let stop = dump_refused(&refusal);
        ctx.refusal = Some(refusal);
        stop
    })
}

fn try_to_show(ctx: &mut Context<'_>, body: &[u8], begin: Place, show: &mut Show<'_>) -> Result<(), Refusal> {
    let mut channel = ctx.channel()?;
    let mut client = Client::new(&mut *channel);
    for turn in 1..=DUMPS_MAX {
        let interrupted = show_once(ctx, &mut client, body, show)?;
        if !interrupted {
            break;
        }
        if turn == DUMPS_MAX {
            ctx.host.err("Dump was interrupted and may be inconsistent.\n");
            break;
        }
        ctx.sink.back_to(begin);
        ctx.session.forget();
    }
    Ok(())
}

/// Asks once. Says whether the links changed meanwhile.
fn show_once(
    ctx: &mut Context<'_>,
    client: &mut Client<'_>,
    body: &[u8],
    show: &mut Show<'_>,
) -> Result<bool, Refusal> {
    let mut waiting = Waiting::default();
    let mut dumping = client.begin_dump(RTM_GETLINK, body)?;
    ctx.session.expect_links(true);
    let mut part = Vec::new();
    while client.next_part(&mut dumping, &mut part)? {
        Messages(&part).for_each(|message| ctx.session.learn(&message));
        waiting.parts.push_back(part);
        part = waiting.show(ctx, show).unwrap_or_default();
    }
    ctx.session.expect_links(false);
    waiting.show(ctx, show);
    Ok(dumping.interrupted())
}

/// What came and was not shown yet.
#[derive(Default)]
struct Waiting {
    parts: VecDeque<Vec<u8>>,
    /// The bytes of the first part that were shown.
    at: usize,
}

impl Waiting {
    /// Shows links up to the first that misses a name. Gives a buffer that is needed no more.
    fn show(&mut self, ctx: &mut Context<'_>, show: &mut Show<'_>) -> Option<Vec<u8>> {
        let mut spare = None;
        while let Some(part) = self.parts.front() {
            let mut messages = Messages(part.get(self.at..).unwrap_or_default());
            while let Some(message) = messages.next() {
                let place = ctx.sink.place();
                show(ctx, &message);
                if ctx.session.take_missed() {
                    ctx.sink.back_to(place);
                    return spare;
                }
                self.at = part.len() - messages.0.len();
            }
            spare = self.parts.pop_front();
            self.at = 0;
        }
        spare
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{DumpedLink, LinkDump, TestHost, run};
    use crate::{link, neighbour};
    use rtnl::errno::Errno;
    use rtnl::message::NLM_F_DUMP_INTR;

    fn dump(parts: &[&[DumpedLink]], flags: u16) -> LinkDump {
        LinkDump { parts: parts.iter().map(|links| links.to_vec()).collect(), flags }
    }

    /// What `ip link show` prints of each link up to its flags, and how often it asks for links.
    fn shown(dumps: Vec<LinkDump>) -> (Vec<String>, usize) {
        let mut host = TestHost::with_dumps(dumps);
        let (printed, status) = run(&mut host, "ip link show", link::run);
        assert_eq!(status, 0);
        let heads = printed.lines().filter(|line| !line.starts_with(' '));
        let heads = heads.map(|line| line.split(": <").next().unwrap_or_default().to_string());
        (heads.collect(), host.questions())
    }

    #[test]
    fn a_link_may_name_one_that_comes_later() {
        let parts: &[&[DumpedLink]] = &[
            &[(1, "lo", None), (2, "a", Some(4))],
            &[(3, "b", None)],
            &[(4, "c", Some(2)), (5, "d", Some(3))],
        ];
        let (heads, asked) = shown(vec![dump(parts, 0)]);
        assert_eq!(heads, ["1: lo", "2: a@c", "3: b", "4: c@a", "5: d@b"]);
        assert_eq!(asked, 1, "no name is asked for");
    }

    #[test]
    fn a_name_that_does_not_come_is_asked_for_at_the_end() {
        let (heads, asked) = shown(vec![dump(&[&[(2, "a", Some(10))], &[(3, "b", Some(2))]], 0)]);
        assert_eq!((heads, asked), (vec!["2: a@d0".to_string(), "3: b@a".to_string()], 2));
    }

    #[test]
    fn what_an_interrupted_dump_showed_is_taken_back() {
        let first = dump(&[&[(1, "lo", None)], &[(2, "a", None)]], NLM_F_DUMP_INTR);
        let (heads, asked) = shown(vec![first, dump(&[&[(1, "lo", None)], &[(2, "z", None)]], 0)]);
        assert_eq!((heads, asked), (vec!["1: lo".to_string(), "2: z".to_string()], 2));
    }

    #[test]
    fn what_is_always_interrupted_is_shown_and_said() {
        let changing = |name| dump(&[&[(1, "lo", None)], &[(2, name, None)]], NLM_F_DUMP_INTR);
        let mut host = TestHost::with_dumps((0..DUMPS_MAX).map(|_| changing("a")));
        let (printed, status) = run(&mut host, "ip link show", link::run);
        assert!(printed.starts_with("Dump was interrupted and may be inconsistent.\n1: lo"), "{printed}");
        assert_eq!((printed.matches("interrupted").count(), printed.matches("2: a").count()), (1, 1));
        assert_eq!((status, host.questions()), (0, DUMPS_MAX));
    }

    #[test]
    fn an_answer_that_is_lost_is_named() {
        let mut host = TestHost::losing(false, Errno::ENOBUFS);
        let (printed, status) = run(&mut host, "ip neigh show", neighbour::run);
        let want = "netlink receive error No buffer space available (105)\nDump terminated\n";
        assert_eq!((printed.as_str(), status), (want, 1));
    }
}
