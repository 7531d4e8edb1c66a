//! Seats: which backends of a large service share a group.
//!
//! A group has room for [`MAX_BUCKETS`] backends of equal chances. A service with more of them has several groups, its
//! slices: a power of two, each with the same number of backends or one less. So that one more or less changes one
//! group or two, each backend has a seat that it keeps. Seats are numbered from 0 without gaps: a backend that leaves is
//! followed by the one on the last seat. The slice is the seat modulo the number of slices.

use std::collections::{BTreeMap, BTreeSet};

use api::{Endpoint, MAX_BACKENDS, Name, Service};

use super::{Intent, Key, Value, change::Draft};

/// How many backends share a group: Open vSwitch has 256 slots for them, so that none gets a seventh more or less than its share.
pub const MAX_BUCKETS: usize = 40;

/// How many slices `backends` need.
pub fn slice_count(backends: usize) -> usize {
    backends.min(MAX_BACKENDS).div_ceil(MAX_BUCKETS).next_power_of_two()
}

impl Intent {
    /// The backends of a service that exist, slice by slice, each slice in order of address.
    pub fn slices<'a>(&'a self, service: &'a Service) -> Vec<Vec<&'a Endpoint>> {
        let backends = self.backends(service);
        let count = slice_count(backends.len());
        let mut slices = vec![Vec::new(); count];
        let seats = self.seats.get(&service.name);
        for (at, (endpoint, _)) in backends.into_iter().enumerate() {
            let seat = seats.and_then(|seats| seats.get(&endpoint.name)).map_or(at, |seat| *seat as usize);
            if seat < MAX_BACKENDS {
                slices[seat % count].push(endpoint);
            }
        }
        slices
    }

    pub(super) fn leave_seat(&mut self, service: &Name, endpoint: &Name) {
        if let Some(seats) = self.seats.get_mut(service) {
            seats.remove(endpoint);
            if seats.is_empty() {
                self.seats.remove(service);
            }
        }
    }

    pub(super) fn seat_values(&self) -> impl Iterator<Item = Value> {
        self.seats.iter().flat_map(|(service, seats)| {
            let value = |(endpoint, number): (&Name, &u32)| Value::Seat {
                service: service.clone(),
                endpoint: endpoint.clone(),
                number: *number,
            };
            seats.iter().map(value)
        })
    }
}

impl Draft<'_> {
    /// Gives seats to those who became backends, and closes the gaps of those who left.
    pub(super) fn seat_backends(&mut self) {
        for service in self.services_touched() {
            for (endpoint, number) in self.seats_to_change(&service) {
                match number {
                    Some(number) => self.put(Value::Seat { service: service.clone(), endpoint, number }),
                    None => self.remove(Key::Seat(service.clone(), endpoint)),
                }
            }
        }
    }

    /// The services whose backends may be others than before. A controller that starts looks at all of them.
    fn services_touched(&self) -> BTreeSet<Name> {
        if self.counters.generation != self.base.generation() {
            return self.intent.services.keys().chain(self.intent.seats.keys()).cloned().collect();
        }
        let mut touched = BTreeSet::new();
        for key in self.written() {
            match key {
                Key::Service(name) => drop(touched.insert(name.clone())),
                Key::Endpoint(name) => {
                    for intent in [self.base, &self.intent] {
                        let endpoint = intent.endpoints.get(name).into_iter();
                        let services = endpoint.flat_map(|endpoint| intent.services_of(endpoint));
                        touched.extend(services.map(|service| service.name.clone()));
                    }
                }
                Key::Node(name) => {
                    for intent in [self.base, &self.intent] {
                        let services = intent.host(name).map(|host| intent.services_of(host)).unwrap_or_default();
                        touched.extend(services.into_iter().map(|service| service.name.clone()));
                    }
                }
                _ => {}
            }
        }
        touched
    }

    /// Who gets another seat, or none any more.
    fn seats_to_change(&self, service: &Name) -> Vec<(Name, Option<u32>)> {
        let there = self.intent.services.get(service);
        let backends = there.map(|service| self.intent.backends(service)).unwrap_or_default();
        let backends: Vec<&Name> = backends.into_iter().map(|(endpoint, _)| &endpoint.name).collect();
        let none = imbl::OrdMap::new();
        let seats = self.intent.seats.get(service).unwrap_or(&none);
        if backends.len() <= MAX_BUCKETS {
            return seats.keys().map(|endpoint| (endpoint.clone(), None)).collect();
        }
        let present: BTreeSet<&Name> = backends.iter().copied().collect();
        let left = seats.keys().filter(|endpoint| !present.contains(endpoint)).map(|endpoint| (endpoint.clone(), None));
        let kept = seats.iter().filter(|(endpoint, _)| present.contains(endpoint));
        let (stay, last): (BTreeMap<u32, &Name>, BTreeMap<u32, &Name>) =
            kept.map(|(endpoint, seat)| (*seat, endpoint)).partition(|(seat, _)| (*seat as usize) < backends.len());
        let free = (0..backends.len() as u32).filter(|seat| !stay.contains_key(seat));
        let new = backends.iter().copied().filter(|endpoint| !seats.contains_key(*endpoint));
        let moving = new.chain(last.into_values().rev()).cloned().zip(free.map(Some));
        left.chain(moving).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_as_few_as_hold_all() {
        let counts = [1, 40, 41, 80, 81, 160, 161, 800, 5000, MAX_BACKENDS, MAX_BACKENDS + 1];
        assert_eq!(counts.map(slice_count), [1, 1, 2, 2, 4, 4, 8, 32, 128, 128, 128]);
        assert_eq!(slice_count(0), 1);
    }
}
