//! The figures of `make bench`: ours beside those of others, measured in one run on one machine.
//!
//! | file | ours | beside |
//! | --- | --- | --- |
//! | [`pods`] | a pod with all that belongs to it, on 3 and 20 hosts | |
//! | [`scale`] | one change on 20 hosts with 50 endpoints each | OVN, in [`ovn`] |
//! | [`switch`] | 50,000 flows of one switch | `ovs-ofctl` |
//! | [`services`] | packets of two hosts, in [`dataplane`]; one backend of 1,000 on 20 hosts, 5,000 services of one | OVN, a bare bridge, [`floor`] |
//! | [`simulated`] | one change on 10, 100 and 1,000 simulated hosts; beside some that misbehave | |

mod clients;
pub mod dataplane;
pub mod floor;
pub mod ovn;
pub mod pods;
pub mod scale;
pub mod services;
mod side;
pub mod simulated;
pub mod switch;
pub mod table;
