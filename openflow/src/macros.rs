//! The three shapes most of OpenFlow has: a fixed record, an open enumeration, a set of flags.
//! Each is declared once, with its layout, and gets codec and JSON from that.

/// A structure whose fields follow one another on the wire: `name: Type;`, or
/// `name: Type, pad N;` where N bytes of padding follow.
macro_rules! record {
    ($(#[$m:meta])* $name:ident $(pad $lead:literal)? {
        $($(#[$fm:meta])* $f:ident : $t:ty $(, pad $p:literal)? ;)*
    }) => {
        $(#[$m])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
        pub struct $name { $($(#[$fm])* pub $f: $t,)* }

        impl $crate::wire::Wire for $name {
            #[inline]
            fn read(r: &mut $crate::wire::Reader<'_>) -> $crate::wire::Result<Self> {
                $(r.skip($lead)?;)?
                $(
                    let $f = <$t as $crate::wire::Wire>::read(r)?;
                    $(r.skip($p)?;)?
                )*
                Ok(Self { $($f),* })
            }
            #[inline]
            fn write(&self, w: &mut $crate::wire::Writer) {
                $(w.zeros($lead);)?
                $(
                    $crate::wire::Wire::write(&self.$f, w);
                    $(w.zeros($p);)?
                )*
            }
        }

        #[cfg(test)]
        impl $crate::arb::Arb for $name {
            fn arb(g: &mut $crate::arb::Gen<'_>) -> Self {
                Self { $($f: $crate::arb::Arb::arb(g)),* }
            }
        }
    };
}
pub(crate) use record;

/// A number on the wire of which some values have names; the others are kept.
macro_rules! open_enum {
    ($(#[$m:meta])* $name:ident: $t:ty { $($(#[$cm:meta])* $c:ident = $v:expr;)* }) => {
        $(#[$m])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "json", serde(transparent))]
        pub struct $name(pub $t);

        impl $name {
            $($(#[$cm])* pub const $c: Self = Self($v);)*

            /// The name of the value, if it has one.
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$c => Some(stringify!($c)),)*
                    _ => None,
                }
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, "{}", self.0),
                }
            }
        }

        impl From<$t> for $name {
            fn from(v: $t) -> Self {
                Self(v)
            }
        }

        impl $crate::wire::Wire for $name {
            #[inline]
            fn read(r: &mut $crate::wire::Reader<'_>) -> $crate::wire::Result<Self> {
                Ok(Self(<$t as $crate::wire::Wire>::read(r)?))
            }
            #[inline]
            fn write(&self, w: &mut $crate::wire::Writer) {
                $crate::wire::Wire::write(&self.0, w);
            }
        }

        #[cfg(test)]
        impl $crate::arb::Arb for $name {
            fn arb(g: &mut $crate::arb::Gen<'_>) -> Self {
                Self($crate::arb::Arb::arb(g))
            }
        }
    };
}
pub(crate) use open_enum;

/// A bitmap of which some bits have names; the others are kept.
macro_rules! flags {
    ($(#[$m:meta])* $name:ident: $t:ty { $($(#[$cm:meta])* $c:ident = $v:expr;)* }) => {
        $(#[$m])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "json", serde(transparent))]
        pub struct $name(pub $t);

        impl $name {
            $($(#[$cm])* pub const $c: Self = Self($v);)*

            /// No bit.
            pub const NONE: Self = Self(0);

            /// Whether all bits of `other` are set.
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// The named bits that are set, lowest declared first, and what has no name.
            pub fn names(self) -> (Vec<&'static str>, $t) {
                let mut rest = self.0;
                let mut names = Vec::new();
                $(
                    if self.0 & $v != 0 {
                        names.push(stringify!($c));
                        rest &= !$v;
                    }
                )*
                (names, rest)
            }
        }

        impl std::ops::BitOr for $name {
            type Output = Self;
            fn bitor(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let (names, rest) = self.names();
                f.write_str(&names.join("|"))?;
                if rest != 0 || names.is_empty() {
                    write!(f, "{}{rest:#x}", if names.is_empty() { "" } else { "|" })?;
                }
                Ok(())
            }
        }

        impl From<$t> for $name {
            fn from(v: $t) -> Self {
                Self(v)
            }
        }

        impl $crate::wire::Wire for $name {
            #[inline]
            fn read(r: &mut $crate::wire::Reader<'_>) -> $crate::wire::Result<Self> {
                Ok(Self(<$t as $crate::wire::Wire>::read(r)?))
            }
            #[inline]
            fn write(&self, w: &mut $crate::wire::Writer) {
                $crate::wire::Wire::write(&self.0, w);
            }
        }

        #[cfg(test)]
        impl $crate::arb::Arb for $name {
            fn arb(g: &mut $crate::arb::Gen<'_>) -> Self {
                Self($crate::arb::Arb::arb(g))
            }
        }
    };
}
pub(crate) use flags;

/// A list element with a 16-bit type and length and one value, padded to 8 bytes:
/// `number Variant [before] (Type), pad after;` where `before` bytes of padding precede the value
/// and `after` follow it within the length. With `other` elements of any type are kept.
macro_rules! properties {
    ($(#[$m:meta])* $name:ident {
        $($(#[$vm:meta])* $n:literal $v:ident $([$before:literal])? ($t:ty) $(, pad $after:literal)?;)*
    }
    $(unit { $($(#[$um:meta])* $un:literal $u:ident;)* })?
    $(other $(#[$om:meta])* $o:ident)?
    ) => {
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
        $(#[$m])*
        pub enum $name {
            $($(#[$vm])* $v($t),)*
            $($($(#[$um])* $u,)*)?
            $($(#[$om])* #[cfg_attr(feature = "json", serde(untagged))] $o($crate::property::Property),)?
        }

        impl Wire for $name {
            fn read(r: &mut Reader<'_>) -> Result<Self> {
                let $crate::property::Framed { kind, mut body } = $crate::property::Framed::read(r)?;
                let value = match kind {
                    $($n => {
                        $(body.skip($before)?;)?
                        let value = Self::$v(<$t>::read(&mut body)?);
                        $(body.skip($after)?;)?
                        value
                    })*
                    $($($un => Self::$u,)*)?
                    _ => {
                        $(
                            let data = $crate::types::Blob::read(&mut body)?;
                            return Ok(Self::$o($crate::property::Property { kind, data }));
                        )?
                        #[allow(unreachable_code)]
                        return Err(body.error($crate::error::DecodeErrorKind::UnknownType(u32::from(kind))));
                    }
                };
                body.end()?;
                Ok(value)
            }

            fn write(&self, w: &mut Writer) {
                match self {
                    $(Self::$v(value) => $crate::property::write_framed($n, w, |w| {
                        $(w.zeros($before);)?
                        value.write(w);
                        $(w.zeros($after);)?
                    }),)*
                    $($(Self::$u => $crate::property::write_framed($un, w, |_| ()),)*)?
                    $(Self::$o(other) => other.write(w),)?
                }
            }
        }

        #[cfg(test)]
        impl $crate::arb::Arb for $name {
            fn arb(g: &mut $crate::arb::Gen<'_>) -> Self {
                let all: &[fn(&mut $crate::arb::Gen<'_>) -> Self] = &[
                    $(|g| Self::$v($crate::arb::Arb::arb(g)),)*
                    $($(|_| Self::$u,)*)?
                    $(|g| Self::$o($crate::arb::Arb::arb(g)),)?
                ];
                g.pick(all)(g)
            }
        }
    };
}
pub(crate) use properties;

/// A record that begins with its own 16-bit length, which is not a field.
macro_rules! element {
    ($(#[$m:meta])* $name:ident $what:literal $(pad $lead:literal)? {
        $($(#[$fm:meta])* $f:ident : $t:ty $(, pad $p:literal)? ;)*
    }) => {
        $(#[$m])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
        pub struct $name { $($(#[$fm])* pub $f: $t,)* }

        impl $crate::wire::Wire for $name {
            fn read(r: &mut $crate::wire::Reader<'_>) -> $crate::wire::Result<Self> {
                let mut one = Vec::with_capacity(1);
                Self::read_onto(&mut one, r)?;
                one.pop().ok_or_else(|| r.bad_length(0))
            }
            #[inline]
            fn read_onto(
                out: &mut Vec<Self>,
                r: &mut $crate::wire::Reader<'_>,
            ) -> $crate::wire::Result<()> {
                let length = usize::from(u16::from_be_bytes(r.peek()?));
                if length < 2 || length > r.left() {
                    r.label($what);
                    return Err(r.bad_length(length));
                }
                let r = &mut r.sub(length, $what)?;
                r.skip(2)?;
                $(r.skip($lead)?;)?
                $(
                    let $f = <$t as $crate::wire::Wire>::read(r)?;
                    $(r.skip($p)?;)?
                )*
                r.end()?;
                out.push(Self { $($f),* });
                Ok(())
            }
            #[inline]
            fn write(&self, w: &mut $crate::wire::Writer) {
                let start = w.position();
                w.zeros(2);
                $(w.zeros($lead);)?
                $(
                    $crate::wire::Wire::write(&self.$f, w);
                    $(w.zeros($p);)?
                )*
                w.patch_len(start, start, $what);
            }
            #[inline]
            fn count(r: &$crate::wire::Reader<'_>) -> usize {
                $crate::wire::count_by_length::<0>(r)
            }
        }

        #[cfg(test)]
        impl $crate::arb::Arb for $name {
            fn arb(g: &mut $crate::arb::Gen<'_>) -> Self {
                Self { $($f: $crate::arb::Arb::arb(g)),* }
            }
        }
    };
}
pub(crate) use element;
