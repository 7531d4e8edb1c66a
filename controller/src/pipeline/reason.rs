//! Why a packet is dropped. Every drop is a flow with one of these.

/// Why a packet is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Reason {
    /// A control frame of a link (STP, LLDP, LACP) from an endpoint.
    ControlFrame = 1,
    /// ARP whose sender is not the endpoint of that port.
    SpoofedArp = 2,
    /// IPv4 whose source is not the endpoint of that port.
    SpoofedIp = 3,
    /// Neither IPv4 nor ARP.
    NotIpv4 = 4,
    /// From a tunnel, but not from a member.
    NotAMember = 5,
    /// ARP for an address that nobody has.
    UnknownArp = 6,
    /// ARP that asks nothing.
    UnaskedArp = 7,
    /// To an address of a network that no endpoint has.
    NoEndpoint = 8,
    /// To a virtual address and port that no service has.
    NoService = 9,
    /// To a service that has no backend.
    NoBackend = 10,
    /// Of a connection to a service that conntrack calls invalid.
    InvalidState = 11,
    /// Broadcast or multicast.
    Multicast = 12,
    /// Its time to live is over.
    TtlExpired = 13,
    /// To an address that is not ours, from where nothing goes outside.
    NoRoute = 14,
    /// No policy allows it.
    Denied = 15,
    /// Of a client that was bound to a backend which is gone. It is bound to another from then on.
    Unbound = 16,
    /// To a service that has backends, but none on this node, and sends nothing elsewhere.
    NoLocalBackend = 17,
    /// A fragment to a virtual address, of no connection that is known: it does not tell its port.
    Fragment = 18,
    /// To a service, of a network of which the switch remembers as many connections as it may.
    TooMany = 19,
    /// A neighbour solicitation whose sender is not the endpoint of that port.
    SpoofedNd = 32,
    /// A neighbour advertisement: the switch has answered already.
    UnaskedNd = 33,
    /// Router discovery, or a redirect: routers are the switch's matter.
    RouterNd = 34,
    /// A neighbour solicitation for an address that nobody has.
    UnknownNd = 35,
    /// Whether somebody has an address that one wants to take: addresses are the controller's to give.
    DuplicateNd = 36,
    /// To a link-local address: nothing but neighbour discovery goes there.
    LinkLocal = 37,
}

impl Reason {
    const ALL: [Self; 25] = [
        Self::ControlFrame,
        Self::SpoofedArp,
        Self::SpoofedIp,
        Self::NotIpv4,
        Self::NotAMember,
        Self::UnknownArp,
        Self::UnaskedArp,
        Self::NoEndpoint,
        Self::NoService,
        Self::NoBackend,
        Self::InvalidState,
        Self::Multicast,
        Self::TtlExpired,
        Self::NoRoute,
        Self::Denied,
        Self::Unbound,
        Self::NoLocalBackend,
        Self::Fragment,
        Self::TooMany,
        Self::SpoofedNd,
        Self::UnaskedNd,
        Self::RouterNd,
        Self::UnknownNd,
        Self::DuplicateNd,
        Self::LinkLocal,
    ];

    /// The reason with this number, as it stands in a cookie.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| u32::from(*reason as u8) == number)
    }

    /// The reason in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ControlFrame => "control frame from an endpoint",
            Self::SpoofedArp => "spoofed ARP sender",
            Self::SpoofedIp => "spoofed source",
            Self::NotIpv4 => "neither IPv4 nor ARP",
            Self::NotAMember => "tunnel packet from no member",
            Self::UnknownArp => "ARP for an address nobody has",
            Self::UnaskedArp => "ARP that asks nothing",
            Self::NoEndpoint => "no endpoint has this address",
            Self::NoService => "no service has this address and port",
            Self::NoBackend => "service without backends",
            Self::InvalidState => "invalid connection state",
            Self::Multicast => "broadcast or multicast",
            Self::TtlExpired => "time to live is over",
            Self::NoRoute => "no route",
            Self::Denied => "no policy allows it",
            Self::NoLocalBackend => "service without backends on this node",
            Self::Fragment => "fragment that belongs to no known connection",
            Self::TooMany => "too many connections of this network",
            Self::Unbound => "bound to a backend that is gone; the next packet finds another",
            Self::SpoofedNd => "spoofed neighbour solicitation",
            Self::UnaskedNd => "neighbour advertisement that nobody asked for",
            Self::RouterNd => "router discovery or redirect",
            Self::UnknownNd => "neighbour solicitation for an address nobody has",
            Self::DuplicateNd => "duplicate address detection",
            Self::LinkLocal => "link-local address",
        }
    }
}
