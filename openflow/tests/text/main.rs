//! The text form: by hand, and against `ovs-ofctl` on random values.

mod oracle;
mod parse;
mod print;
mod random;
