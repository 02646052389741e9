//! What a device has to say to routers of the groups that it is in, and when: the part that IGMP and MLD share
//! (RFC 3376, RFC 3810; `net/ipv4/igmp.c`, `net/ipv6/mcast.c`).
//!
//! A change is said twice, or as often as a querier wishes: first almost at once and then within a second, together
//! with all other changes of the device that are still to be said. A question is answered within the time it gives.
//! Linux draws each of these times by chance; here it is the middle of what it may be. Routers of older versions are
//! believed to be there for some minutes after they were heard; then each group is reported by itself.
//!
//! All of it is gone as soon as there is nothing to say or to remember, so that idle links keep nothing.
//! **Left out**: lists of sources, as nobody here asks for one.

use std::net::IpAddr;

/// Microseconds until something is said at the earliest: two ticks of 10 ms.
pub(crate) const FIRST: u64 = 20_000;
/// How often a change is said, unless a querier wishes otherwise.
pub(crate) const ROBUSTNESS: u8 = 2;
const SECOND: u64 = 1_000_000;
/// How long a querier is silent between two questions, unless it says otherwise.
const INTERVAL: u64 = 125 * SECOND;
/// How long its questions may take to be answered, unless it says otherwise.
const RESPONSE: u64 = 10 * SECOND;

/// What happens to one group at some time, if routers ask for it or are of an older version.
#[derive(Clone, Copy, Debug)]
struct Due<A> {
    group: A,
    at: u64,
}

/// What a device has to say of its groups. Times are moments of virtual time in microseconds.
#[derive(Clone, Debug)]
pub(crate) struct Reports<A> {
    /// Groups that were joined, and how often that is still to be said.
    joined: Vec<(A, u8)>,
    /// Groups that were left; the latest first.
    left: Vec<(A, u8)>,
    changes_at: Option<u64>,
    /// All groups are to be said, because a router asked.
    all_at: Option<u64>,
    /// All groups are to be said so often again, and when next: after the first address was found to be free.
    again: (u8, Option<u64>),
    dues: Vec<Due<A>>,
    /// Of an older version: groups that were reported by this host last, and how often a new group is still to be.
    reporters: Vec<A>,
    unsolicited: Vec<(A, u8)>,
    /// What the querier said last.
    robustness: u8,
    interval: u64,
    response: u64,
    /// Until when routers of version 1, and of version 2, are believed to be there.
    older: [u64; 2],
}

impl<A> Default for Reports<A> {
    fn default() -> Self {
        Reports {
            joined: Vec::new(),
            left: Vec::new(),
            changes_at: None,
            all_at: None,
            again: (0, None),
            dues: Vec::new(),
            reporters: Vec::new(),
            unsolicited: Vec::new(),
            robustness: ROBUSTNESS,
            interval: INTERVAL,
            response: RESPONSE,
            older: [0; 2],
        }
    }
}

/// What is to be said now.
pub(crate) enum Saying<A> {
    /// The changes: groups left, and groups joined.
    Changes { left: Vec<A>, joined: Vec<A> },
    /// All groups, as an answer.
    All,
    /// All groups, as if each had just been joined.
    AllAgain,
    /// One group.
    One(A),
}

impl<A: Copy + PartialEq + Into<IpAddr>> Reports<A> {
    /// A group was joined, or its link came up.
    pub(crate) fn joined(&mut self, now: u64, group: A) {
        self.left.retain(|(known, _)| *known != group);
        self.joined.retain(|(known, _)| *known != group);
        self.joined.push((group, self.robustness));
        self.changes_at = Some(now + FIRST);
    }

    /// A group was left.
    pub(crate) fn left(&mut self, now: u64, group: A) {
        self.forget(group);
        self.left.retain(|(known, _)| *known != group);
        self.left.insert(0, (group, self.robustness));
        self.changes_at = Some(now + FIRST);
    }

    /// Nothing more is to be said of a group.
    pub(crate) fn forget(&mut self, group: A) {
        self.joined.retain(|(known, _)| *known != group);
        self.dues.retain(|due| due.group != group);
        self.unsolicited.retain(|(known, _)| *known != group);
        self.reporters.retain(|known| *known != group);
    }

    /// The link goes down: only what was left is still to be said, some day.
    pub(crate) fn fall_silent(&mut self) {
        self.joined.clear();
        self.dues.clear();
        self.unsolicited.clear();
        (self.changes_at, self.all_at, self.again) = (None, None, (0, None));
    }

    /// What a querier said of itself is forgotten, and with `versions` that there are older ones.
    pub(crate) fn reset(&mut self, versions: bool) {
        (self.robustness, self.interval, self.response) = (ROBUSTNESS, INTERVAL, RESPONSE);
        if versions {
            self.older = [0; 2];
        }
    }

    /// A querier of the newest version says how it asks, in microseconds.
    pub(crate) fn adapt(&mut self, robustness: u8, interval: u64, response: u64) {
        self.robustness = robustness;
        self.interval = if interval == 0 { INTERVAL } else { interval };
        self.response = response;
    }

    /// A router of version 1 or 2 was heard: changes are not said any more.
    pub(crate) fn older_heard(&mut self, now: u64, version: usize) {
        let until = now + u64::from(self.robustness) * self.interval + self.response;
        if let Some(older) = self.older.get_mut(version - 1) {
            *older = until;
        }
        self.joined.clear();
        self.left.clear();
        self.changes_at = None;
    }

    /// Whether routers of version 1 or 2 are believed to be there.
    pub(crate) fn is_older(&self, now: u64, version: usize) -> bool {
        self.older.get(version - 1).is_some_and(|until| now < *until)
    }

    /// A router asks for all groups; `at` is when to answer at the latest.
    pub(crate) fn ask_all(&mut self, at: u64) {
        self.all_at = Some(self.all_at.map_or(at, |known| known.min(at)));
    }

    /// A router asks for a group, to be answered by then; one that asked before may have asked for less time.
    pub(crate) fn ask(&mut self, group: A, at: u64) {
        self.unsolicited.retain(|(known, _)| *known != group);
        match self.dues.iter_mut().find(|due| due.group == group) {
            Some(due) => due.at = due.at.min(at),
            None => self.dues.push(Due { group, at }),
        }
    }

    /// A group is to be reported by itself, so often, first at some time: as older versions do.
    pub(crate) fn report_alone(&mut self, group: A, times: u8, at: u64) {
        self.ask(group, at);
        self.unsolicited.push((group, times));
    }

    /// Somebody else reported a group: this host need not.
    pub(crate) fn somebody_reported(&mut self, group: A) {
        self.dues.retain(|due| due.group != group);
        self.unsolicited.retain(|(known, _)| *known != group);
        self.reporters.retain(|known| *known != group);
    }

    /// This host reported a group last.
    pub(crate) fn reported(&mut self, group: A) {
        if !self.reporters.contains(&group) {
            self.reporters.push(group);
        }
    }

    /// Whether it did.
    pub(crate) fn is_reporter(&self, group: A) -> bool {
        self.reporters.contains(&group)
    }

    /// All groups were said once and are to be said some times more.
    pub(crate) fn again(&mut self, at: u64) {
        let times = self.robustness.saturating_sub(1);
        self.again = (times, Some(at).filter(|_| times > 0));
    }

    /// What is due, if anything is; `later` is how much later changes are said again, and `later_alone` how much
    /// later a group of its own is.
    pub(crate) fn next(&mut self, now: u64, later: u64, later_alone: u64) -> Option<Saying<A>> {
        let is_due = |at: Option<u64>| at.is_some_and(|at| at <= now);
        if is_due(self.changes_at) {
            let left = spend(&mut self.left);
            let joined = spend(&mut self.joined);
            let more = !self.left.is_empty() || !self.joined.is_empty();
            self.changes_at = Some(now + FIRST + later).filter(|_| more);
            return Some(Saying::Changes { left, joined });
        }
        if is_due(self.all_at) {
            self.all_at = None;
            return Some(Saying::All);
        }
        if is_due(self.again.1) {
            self.again.0 -= 1;
            self.again.1 = Some(now + FIRST + later).filter(|_| self.again.0 > 0);
            return Some(Saying::AllAgain);
        }
        let at = self.dues.iter().position(|due| due.at <= now)?;
        let group = self.dues.remove(at).group;
        if let Some(place) = self.unsolicited.iter().position(|(known, _)| *known == group) {
            self.unsolicited[place].1 -= 1;
            if self.unsolicited[place].1 > 0 {
                self.dues.push(Due { group, at: now + FIRST + later_alone });
            } else {
                self.unsolicited.remove(place);
            }
        }
        Some(Saying::One(group))
    }

    /// When something is due next.
    pub(crate) fn due(&self) -> Option<u64> {
        let alone = self.dues.iter().map(|due| due.at);
        alone.chain(self.changes_at).chain(self.all_at).chain(self.again.1).min()
    }

    /// Whether there is nothing to say, and nothing to remember.
    pub(crate) fn is_idle(&self, now: u64) -> bool {
        let usual = (self.robustness, self.interval, self.response) == (ROBUSTNESS, INTERVAL, RESPONSE);
        let older = self.older.iter().any(|until| now < *until);
        usual && !older && self.due().is_none() && self.left.is_empty() && self.reporters.is_empty()
    }
}

/// The groups of a list, which are said once more.
fn spend<A: Copy>(list: &mut Vec<(A, u8)>) -> Vec<A> {
    let groups = list.iter().map(|(group, _)| *group).collect();
    list.iter_mut().for_each(|(_, times)| *times -= 1);
    list.retain(|(_, times)| *times > 0);
    groups
}
