//! Groups (sections 7.3.4.2, 7.3.5.7 to 7.3.5.9).

use crate::action::Action;
use crate::macros::{element, open_enum, record};
use crate::types::{GroupId, PortNo};

open_enum! {
    /// What a [`GroupMod`] does.
    GroupModCommand: u16 {
        /// Adds a group.
        ADD = 0;
        /// Replaces a group; weights are as in [`GroupMod::add`].
        MODIFY = 1;
        /// Deletes a group, or all.
        DELETE = 2;
        /// Adds buckets (OpenFlow 1.5).
        INSERT_BUCKET = 3;
        /// Deletes buckets (OpenFlow 1.5).
        REMOVE_BUCKET = 5;
        /// Adds or replaces a group: an extension of Open vSwitch.
        ADD_OR_MOD = 0x8000;
    }
}

open_enum! {
    /// How a group chooses among its buckets.
    GroupType: u8 {
        /// All of them.
        ALL = 0;
        /// One, by weight.
        SELECT = 1;
        /// The only one.
        INDIRECT = 2;
        /// The first that is alive.
        FF = 3;
    }
}

element! {
    /// What a group does with a packet, one way.
    Bucket "bucket" {
        /// Its share in a select group.
        weight: u16;
        /// It is alive while this port is.
        watch_port: PortNo;
        /// It is alive while this group is.
        watch_group: GroupId, pad 4;
        /// What it does.
        actions: Vec<Action>;
    }
}

impl Bucket {
    /// A bucket of weight 1 that watches nothing.
    pub fn new(actions: impl Into<Vec<Action>>) -> Self {
        Self { weight: 1, watch_port: PortNo::ANY, watch_group: GroupId::ANY, actions: actions.into() }
    }

    /// With this share in a select group.
    #[must_use]
    pub fn weight(mut self, weight: u16) -> Self {
        self.weight = weight;
        self
    }
}

record! {
    /// Adds, replaces or deletes groups.
    GroupMod {
        /// What to do.
        command: GroupModCommand;
        /// How it chooses.
        group_type: GroupType, pad 1;
        /// Which group.
        group_id: GroupId;
        /// Among what.
        buckets: Vec<Bucket>;
    }
}

impl GroupMod {
    /// Adds a group. Only a select group has weights: Open vSwitch refuses others that have, so they
    /// are set to 0 there.
    pub fn add(id: impl Into<GroupId>, group_type: GroupType, mut buckets: Vec<Bucket>) -> Self {
        if group_type != GroupType::SELECT {
            buckets.iter_mut().for_each(|bucket| bucket.weight = 0);
        }
        Self { command: GroupModCommand::ADD, group_type, group_id: id.into(), buckets }
    }

    /// Replaces a group.
    pub fn modify(id: impl Into<GroupId>, group_type: GroupType, buckets: Vec<Bucket>) -> Self {
        Self { command: GroupModCommand::MODIFY, ..Self::add(id, group_type, buckets) }
    }

    /// Deletes a group.
    pub fn delete(id: impl Into<GroupId>) -> Self {
        Self { command: GroupModCommand::DELETE, ..Self::add(id, GroupType::ALL, Vec::new()) }
    }
}

record! {
    /// Asks about one group, or all.
    GroupRequest {
        /// The group.
        group_id: GroupId, pad 4;
    }
}

record! {
    /// Counters of one bucket.
    BucketStats {
        /// Packets it was for.
        packet_count: u64;
        /// Bytes in these.
        byte_count: u64;
    }
}

element! {
    /// Counters of one group.
    GroupStats "group stats" pad 2 {
        /// The group.
        group_id: GroupId;
        /// Flows and groups that use it.
        ref_count: u32, pad 4;
        /// Packets it was for.
        packet_count: u64;
        /// Bytes in these.
        byte_count: u64;
        /// Seconds it lives.
        duration_sec: u32;
        /// And nanoseconds beyond.
        duration_nsec: u32;
        /// The same for its buckets.
        bucket_stats: Vec<BucketStats>;
    }
}

element! {
    /// One group of a switch.
    GroupDesc "group description" {
        /// How it chooses.
        group_type: GroupType, pad 1;
        /// Which group.
        group_id: GroupId;
        /// Among what.
        buckets: Vec<Bucket>;
    }
}

record! {
    /// What groups a switch can do.
    GroupFeatures {
        /// A bit for each type.
        types: u32;
        /// What they can do.
        capabilities: u32;
        /// Groups of each type there can be.
        max_groups: [u32; 4];
        /// A bit for each action type, for each group type.
        actions: [u32; 4];
    }
}
