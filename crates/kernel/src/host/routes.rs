//! The routes of one family in a namespace, as both families keep them: tables in the order of listings, and which
//! routes lead through a device, bear a source, or end some day.
//!
//! A table is a tree by prefix, rank and number. The rank is what orders routes of one prefix (a metric, a type of
//! service); the number tells routes of one rank apart and is drawn so that the route stands in front of the others or
//! behind them. What happens to a device walks the routes through that device alone, however many share their prefix:
//! every link has its own route to `fe80::/64`.

use crate::device::DeviceId;
use crate::few::Few;
use crate::work::Steps;
use crate::world::Instant;
use std::collections::{BTreeMap, BTreeSet};

/// What a family's route tells of itself.
pub(crate) trait Route {
    /// A network and its length, in the order of listings.
    type Prefix: Copy + Ord;
    /// What orders the routes of one prefix.
    type Rank: Copy + Ord;
    /// An address that it prefers as a source.
    type Source: Copy + Ord;

    /// The least prefix.
    const LEAST: Self::Prefix;
    /// The least and the largest rank.
    const RANKS: (Self::Rank, Self::Rank);

    /// How many bits of a prefix do not count.
    fn ignored(prefix: Self::Prefix) -> u8;
    /// Its rank.
    fn rank(&self) -> Self::Rank;
    /// The devices that it leads through.
    fn devices(&self) -> impl Iterator<Item = DeviceId> + '_;
    /// The source that it prefers.
    fn source(&self) -> Option<Self::Source>;
    /// When it ends.
    fn end(&self) -> Option<Instant>;
}

/// The place of a route in its table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Place<P, K> {
    pub prefix: P,
    rank: K,
    number: u32,
}

/// The place of a route of a family.
pub(crate) type PlaceOf<R> = Place<<R as Route>::Prefix, <R as Route>::Rank>;
/// A table's number and a place in it.
pub(crate) type Somewhere<R> = (u32, PlaceOf<R>);

/// The number of the first route of its rank: others come before and behind it.
const MIDDLE: u32 = 1 << 31;

/// Where among the routes of its prefix and rank a new one stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    Front,
    Back,
}

/// A table.
pub(crate) struct Table<R: Route> {
    /// Apart from their places, so that what is empty in the tree's nodes is little.
    routes: BTreeMap<PlaceOf<R>, Box<R>>,
    /// How many routes there are of each number of bits that do not count.
    lengths: Few<u8, u32>,
    /// How many tables there were when it was made.
    born: u32,
}

impl<R: Route> Default for Table<R> {
    fn default() -> Table<R> {
        Table { routes: BTreeMap::new(), lengths: Few::NEW, born: 0 }
    }
}

impl<R: Route> Table<R> {
    /// The lengths that occur, as bits that do not count: the longest prefixes first.
    pub(crate) fn lengths(&self) -> impl Iterator<Item = u8> + '_ {
        self.lengths.keys().copied()
    }

    /// Whether such a length occurs.
    pub(crate) fn has_length(&self, ignored: u8) -> bool {
        self.lengths.contains_key(&ignored)
    }
}

/// The routes of one family in a namespace.
pub(crate) struct Routes<R: Route> {
    tables: BTreeMap<u32, Table<R>>,
    count: usize,
    through: BTreeMap<DeviceId, Few<Somewhere<R>, ()>>,
    sources: BTreeSet<(R::Source, u32, PlaceOf<R>)>,
    ends: BTreeSet<(Instant, u32, PlaceOf<R>)>,
    /// The steps of walks over routes.
    pub steps: Steps,
}

impl<R: Route> Default for Routes<R> {
    fn default() -> Routes<R> {
        Routes {
            tables: BTreeMap::new(),
            count: 0,
            through: BTreeMap::new(),
            sources: BTreeSet::new(),
            ends: BTreeSet::new(),
            steps: Steps::default(),
        }
    }
}

fn first<R: Route>(prefix: R::Prefix) -> PlaceOf<R> {
    Place { prefix, rank: R::RANKS.0, number: 0 }
}

fn last<R: Route>(prefix: R::Prefix) -> PlaceOf<R> {
    Place { prefix, rank: R::RANKS.1, number: u32::MAX }
}

impl<R: Route> Routes<R> {
    /// How many routes there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// A table, if there ever was a route in it.
    pub(crate) fn table(&self, id: u32) -> Option<&Table<R>> {
        self.tables.get(&id)
    }

    /// Makes a table, if it is not there; tables stay.
    pub(crate) fn make_table(&mut self, id: u32) {
        self.table_mut(id);
    }

    fn table_mut(&mut self, id: u32) -> &mut Table<R> {
        let born = self.tables.len() as u32;
        self.tables.entry(id).or_insert_with(|| Table { born, ..Table::default() })
    }

    /// A table's place among all in listings: by the low byte of the number, and then the latest first.
    fn turn(&self, id: u32) -> (u32, std::cmp::Reverse<u32>) {
        (id & 255, std::cmp::Reverse(self.tables.get(&id).map_or(0, |table| table.born)))
    }

    /// A route.
    pub(crate) fn get(&self, table: u32, place: PlaceOf<R>) -> Option<&R> {
        self.tables.get(&table)?.routes.get(&place).map(Box::as_ref)
    }

    /// The routes of one prefix in a table, in order.
    pub(crate) fn of_prefix(
        &self,
        table: u32,
        prefix: R::Prefix,
    ) -> impl Iterator<Item = (PlaceOf<R>, &R)> + '_ {
        let range = first::<R>(prefix)..=last::<R>(prefix);
        let found =
            self.tables.get(&table).into_iter().flat_map(move |table| table.routes.range(range.clone()));
        found.inspect(|_| self.steps.step()).map(|(place, route)| (*place, &**route))
    }

    /// Those of one rank.
    pub(crate) fn of_rank(
        &self,
        table: u32,
        prefix: R::Prefix,
        rank: R::Rank,
    ) -> impl Iterator<Item = (PlaceOf<R>, &R)> + '_ {
        let range = Place { prefix, rank, number: 0 }..=Place { prefix, rank, number: u32::MAX };
        let found =
            self.tables.get(&table).into_iter().flat_map(move |table| table.routes.range(range.clone()));
        found.inspect(|_| self.steps.step()).map(|(place, route)| (*place, &**route))
    }

    /// Those of one prefix that lead through a device.
    pub(crate) fn of_prefix_through(
        &self,
        table: u32,
        prefix: R::Prefix,
        device: DeviceId,
    ) -> impl Iterator<Item = (PlaceOf<R>, &R)> + '_ {
        let [first, last] = [first::<R>(prefix), last::<R>(prefix)].map(|place| (table, place));
        let own = self.through.get(&device).into_iter().flat_map(move |own| own.keys_within(first, last));
        let places = own.inspect(|_| self.steps.step()).map(|(_, place)| *place);
        places.filter_map(move |place| Some((place, self.get(table, place)?)))
    }

    /// The places of all routes through a device, in the order of tables and listings.
    pub(crate) fn through(&self, device: DeviceId) -> Vec<Somewhere<R>> {
        let own = self.through.get(&device).into_iter().flat_map(Few::keys);
        own.inspect(|_| self.steps.step()).copied().collect()
    }

    /// The places of all routes that prefer a source.
    pub(crate) fn with_source(&self, source: R::Source) -> Vec<Somewhere<R>> {
        let from = self.sources.range((source, 0, first::<R>(R::LEAST))..);
        let own = from.take_while(|(preferred, ..)| *preferred == source).inspect(|_| self.steps.step());
        own.map(|(_, table, place)| (*table, *place)).collect()
    }

    /// The routes of one table or of all, through one device or any, as they are listed.
    pub(crate) fn listing(
        &self,
        table: Option<u32>,
        device: Option<DeviceId>,
    ) -> impl Iterator<Item = (u32, PlaceOf<R>, &R)> + '_ {
        let mut own = device.map_or(Vec::new(), |device| self.through(device));
        own.retain(|(id, _)| table.is_none_or(|table| *id == table));
        own.sort_by_key(|(id, _)| self.turn(*id));
        let mut tables: Vec<(u32, &Table<R>)> = match (device, table) {
            (Some(_), _) => Vec::new(),
            (None, Some(id)) => self.table(id).map(|table| (id, table)).into_iter().collect(),
            (None, None) => self.tables.iter().map(|(id, table)| (*id, table)).collect(),
        };
        tables.sort_by_key(|(id, _)| self.turn(*id));
        let own = own.into_iter().filter_map(|(id, place)| Some((id, place, self.get(id, place)?)));
        own.chain(tables.into_iter().flat_map(|(id, table)| {
            table
                .routes
                .iter()
                .inspect(|_| self.steps.step())
                .map(move |(place, route)| (id, *place, &**route))
        }))
    }

    /// When the route ends that ends first.
    pub(crate) fn next_end(&self) -> Option<Instant> {
        self.ends.first().map(|(end, ..)| *end)
    }

    /// The places of the routes whose time is over, in the order of tables and listings.
    pub(crate) fn ended(&self, now: Instant) -> Vec<Somewhere<R>> {
        let over = self.ends.iter().take_while(|(end, ..)| *end <= now);
        let mut all: Vec<Somewhere<R>> = over.map(|(_, table, place)| (*table, *place)).collect();
        all.sort_unstable();
        all
    }

    /// Puts a route in; gives its place. None if there is no room left at that end.
    pub(crate) fn insert(&mut self, table: u32, prefix: R::Prefix, end: End, route: R) -> Option<PlaceOf<R>> {
        let rank = route.rank();
        let known = self.table_mut(table);
        let range = Place { prefix, rank, number: 0 }..=Place { prefix, rank, number: u32::MAX };
        let mut equal = known.routes.range(range).map(|(place, _)| place.number);
        let number = match end {
            End::Front => equal.next().map_or(Some(MIDDLE), |first| first.checked_sub(1)),
            End::Back => equal.next_back().map_or(Some(MIDDLE), |last| last.checked_add(1)),
        }?;
        let place = Place { prefix, rank, number };
        *known.lengths.get_or_insert_with(R::ignored(prefix), || 0) += 1;
        self.count += 1;
        self.note(table, place, &route);
        self.table_mut(table).routes.insert(place, Box::new(route));
        Some(place)
    }

    /// Takes a route out.
    pub(crate) fn remove(&mut self, table: u32, place: PlaceOf<R>) -> Option<R> {
        let known = self.tables.get_mut(&table)?;
        let route = known.routes.remove(&place)?;
        let ignored = R::ignored(place.prefix);
        let left = known.lengths.get_or_insert_with(ignored, || 0);
        *left = left.saturating_sub(1);
        if *left == 0 {
            known.lengths.remove(&ignored);
        }
        self.count -= 1;
        self.forget(table, place, &route);
        Some(*route)
    }

    /// Changes a route at its place; its rank must stay.
    pub(crate) fn change(&mut self, table: u32, place: PlaceOf<R>, change: impl FnOnce(&mut R)) {
        let Some(mut route) = self.tables.get_mut(&table).and_then(|table| table.routes.remove(&place))
        else {
            return;
        };
        self.forget(table, place, &route);
        change(&mut route);
        self.note(table, place, &route);
        self.table_mut(table).routes.insert(place, route);
    }

    /// A route, to change what it does not tell of itself.
    pub(crate) fn get_mut(&mut self, (table, place): Somewhere<R>) -> Option<&mut R> {
        self.tables.get_mut(&table)?.routes.get_mut(&place).map(Box::as_mut)
    }

    fn note(&mut self, table: u32, place: PlaceOf<R>, route: &R) {
        for device in route.devices() {
            self.through.entry(device).or_default().insert((table, place), ());
        }
        self.sources.extend(route.source().map(|source| (source, table, place)));
        self.ends.extend(route.end().map(|end| (end, table, place)));
    }

    fn forget(&mut self, table: u32, place: PlaceOf<R>, route: &R) {
        for device in route.devices() {
            let Some(own) = self.through.get_mut(&device) else { continue };
            own.remove(&(table, place));
            if own.is_empty() {
                self.through.remove(&device);
            }
        }
        if let Some(source) = route.source() {
            self.sources.remove(&(source, table, place));
        }
        if let Some(end) = route.end() {
            self.ends.remove(&(end, table, place));
        }
    }
}
