//! Ports (sections 7.2.1, 7.3.4.3, 7.4.3, 7.3.5.6).

use crate::macros::{flags, open_enum, record};
use crate::types::{FixedStr, Mac, PortNo};

flags! {
    /// How a port is configured.
    PortConfig: u32 {
        /// Down by intent.
        PORT_DOWN = 1;
        /// Drops what it receives.
        NO_RECV = 4;
        /// Drops what it should send.
        NO_FWD = 0x20;
        /// Sends nothing to the controller.
        NO_PACKET_IN = 0x40;
    }
}

flags! {
    /// What state a port is in.
    PortState: u32 {
        /// No carrier.
        LINK_DOWN = 1;
        /// Blocked by a protocol of the switch.
        BLOCKED = 2;
        /// Alive for fast failover groups.
        LIVE = 4;
    }
}

flags! {
    /// Speeds and modes of a port.
    PortFeatures: u32 {
        /// 10 Mb/s half duplex.
        TEN_MB_HD = 1;
        /// 10 Mb/s full duplex.
        TEN_MB_FD = 2;
        /// 100 Mb/s half duplex.
        HUNDRED_MB_HD = 4;
        /// 100 Mb/s full duplex.
        HUNDRED_MB_FD = 8;
        /// 1 Gb/s half duplex.
        ONE_GB_HD = 0x10;
        /// 1 Gb/s full duplex.
        ONE_GB_FD = 0x20;
        /// 10 Gb/s full duplex.
        TEN_GB_FD = 0x40;
        /// 40 Gb/s full duplex.
        FORTY_GB_FD = 0x80;
        /// 100 Gb/s full duplex.
        HUNDRED_GB_FD = 0x100;
        /// 1 Tb/s full duplex.
        ONE_TB_FD = 0x200;
        /// Some other speed.
        OTHER = 0x400;
        /// Copper.
        COPPER = 0x800;
        /// Fiber.
        FIBER = 0x1000;
        /// Speed is negotiated.
        AUTONEG = 0x2000;
        /// Pause.
        PAUSE = 0x4000;
        /// Asymmetric pause.
        PAUSE_ASYM = 0x8000;
    }
}

record! {
    /// A port of a switch.
    Port {
        /// Its number.
        port_no: PortNo, pad 4;
        /// Its Ethernet address.
        hw_addr: Mac, pad 2;
        /// Its name.
        name: FixedStr<16>;
        /// How it is configured.
        config: PortConfig;
        /// What state it is in.
        state: PortState;
        /// What it does now.
        curr: PortFeatures;
        /// What it offers the peer.
        advertised: PortFeatures;
        /// What it can do.
        supported: PortFeatures;
        /// What the peer offers.
        peer: PortFeatures;
        /// Its speed in kb/s.
        curr_speed: u32;
        /// Its highest speed in kb/s.
        max_speed: u32;
    }
}

open_enum! {
    /// What happened to a port.
    PortReason: u8 {
        /// It is new.
        ADD = 0;
        /// It is gone.
        DELETE = 1;
        /// It changed.
        MODIFY = 2;
    }
}

record! {
    /// Something happened to a port.
    PortStatus {
        /// What.
        reason: PortReason, pad 7;
        /// The port as it is now.
        desc: Port;
    }
}

record! {
    /// Configures a port.
    PortMod {
        /// Which port.
        port_no: PortNo, pad 4;
        /// Its Ethernet address, as a check.
        hw_addr: Mac, pad 2;
        /// The bits to set or clear,
        config: PortConfig;
        /// of these.
        mask: PortConfig;
        /// What it offers the peer, 0 for no change.
        advertise: PortFeatures, pad 4;
    }
}

record! {
    /// Asks about one port, or any.
    PortRequest {
        /// The port.
        port_no: PortNo, pad 4;
    }
}

record! {
    /// Counters of one port. What is not counted is all ones.
    PortStats {
        /// The port.
        port_no: PortNo, pad 4;
        /// Packets received.
        rx_packets: u64;
        /// Packets sent.
        tx_packets: u64;
        /// Bytes received.
        rx_bytes: u64;
        /// Bytes sent.
        tx_bytes: u64;
        /// Packets dropped on receipt.
        rx_dropped: u64;
        /// Packets dropped instead of sent.
        tx_dropped: u64;
        /// Errors of receipt, of any kind.
        rx_errors: u64;
        /// Errors of sending, of any kind.
        tx_errors: u64;
        /// Frame alignment errors.
        rx_frame_err: u64;
        /// Packets with receiver overrun.
        rx_over_err: u64;
        /// Checksum errors.
        rx_crc_err: u64;
        /// Collisions.
        collisions: u64;
        /// Seconds it lives.
        duration_sec: u32;
        /// And nanoseconds beyond.
        duration_nsec: u32;
    }
}
