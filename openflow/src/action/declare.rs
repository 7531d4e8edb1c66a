//! How actions are declared.

/// Declares [`Action`] and its codec. Sections: standard actions without and with fields, Nicira
/// actions without fields, with fields, and with a structure of their own.
macro_rules! actions {
    (
        plain { $($(#[$pm:meta])* $pn:literal $p:ident;)* }
        standard { $($(#[$sm:meta])* $sn:literal $s:ident $slit:literal {
            $($(#[$sfm:meta])* $sf:ident: $st:ty $(, pad $sp:literal)?;)* })* }
        nicira_plain { $($(#[$npm:meta])* $npn:literal $np:ident;)* }
        nicira { $($(#[$nm:meta])* $nn:literal $n:ident $(pad $nlead:literal)? {
            $($(#[$nfm:meta])* $nf:ident: $nt:ty $(, pad $npad:literal)?;)* })* }
        nicira_struct { $($(#[$tm:meta])* $tn:literal $t:ident($tt:ty);)* }
    ) => {
        /// One action.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "json", serde(tag = "type", rename_all = "snake_case"))]
        pub enum Action {
            $($(#[$pm])* $p,)*
            $($(#[$sm])* $s { $($(#[$sfm])* $sf: $st,)* },)*
            $($(#[$npm])* $np,)*
            $($(#[$nm])* $n { $($(#[$nfm])* $nf: $nt,)* },)*
            $($(#[$tm])* $t($tt),)*
            /// Copies bits from one field to another (ONF 3200).
            OnfCopyField {
                /// How many bits.
                n_bits: u16,
                /// First bit in the source.
                src_offset: u16,
                /// First bit in the destination.
                dst_offset: u16,
                /// From where.
                src: OxmId,
                /// To where.
                dst: OxmId,
            },
            /// The same as an action of OpenFlow 1.5 (28), in messages of that version only.
            CopyField {
                /// How many bits.
                n_bits: u16,
                /// First bit in the source.
                src_offset: u16,
                /// First bit in the destination.
                dst_offset: u16,
                /// From where.
                src: OxmId,
                /// To where.
                dst: OxmId,
            },
            /// An action of an experimenter that is not known here.
            Experimenter {
                /// Who defines it.
                experimenter: u32,
                /// All that follows, padding included.
                data: Blob,
            },
        }

        #[cfg(test)]
        impl $crate::arb::Arb for Action {
            fn arb(g: &mut $crate::arb::Gen<'_>) -> Self {
                use $crate::arb::Arb;
                let all: &[fn(&mut $crate::arb::Gen<'_>) -> Self] = &[
                    $(|_| Self::$p,)*
                    $(|g| Self::$s { $($sf: Arb::arb(g)),* },)*
                    $(|_| Self::$np,)*
                    $(|g| Self::$n { $($nf: Arb::arb(g)),* },)*
                    $(|g| Self::$t(Arb::arb(g)),)*
                    $crate::arb::action::copy,
                    $crate::arb::action::unknown,
                ];
                $crate::arb::action::fit(g.pick(all)(g))
            }
        }

        fn read_standard(kind: u16, out: &mut Vec<Action>, r: &mut Reader<'_>) -> Result<()> {
            match kind {
                $($sn => {
                    r.label($slit);
                    $(let $sf = <$st>::read(r)?; $(r.skip($sp)?;)?)*
                    out.push(Action::$s { $($sf),* });
                })*
                $($pn => { r.skip(4)?; out.push(Action::$p); })*
                _ => return Err(r.error(DecodeErrorKind::UnknownType(u32::from(kind)))),
            }
            Ok(())
        }

        /// Whether the subtype is known.
        fn read_nicira(subtype: u16, out: &mut Vec<Action>, r: &mut Reader<'_>) -> Result<bool> {
            match subtype {
                $($nn => {
                    $(r.skip($nlead)?;)?
                    $(let $nf = <$nt>::read(r)?; $(r.skip($npad)?;)?)*
                    out.push(Action::$n { $($nf),* });
                })*
                $($tn => out.push(Action::$t(<$tt>::read(r)?)),)*
                $($npn => { r.skip(6)?; out.push(Action::$np); })*
                _ => return Ok(false),
            }
            Ok(true)
        }

        fn write_action(action: &Action, start: usize, w: &mut Writer) {
            match action {
                $(Action::$p => { w.put_array(header($pn)); w.zeros(4); })*
                $(Action::$s { $($sf),* } => {
                    w.put_array(header($sn));
                    $($sf.write(w); $(w.zeros($sp);)?)*
                })*
                $(Action::$np => { w.put_array(nicira_header($npn)); w.zeros(6); })*
                $(Action::$n { $($nf),* } => {
                    w.put_array(nicira_header($nn));
                    $(w.zeros($nlead);)?
                    $($nf.write(w); $(w.zeros($npad);)?)*
                })*
                $(Action::$t(inner) => { w.put_array(nicira_header($tn)); inner.write(w); })*
                Action::OnfCopyField { n_bits, src_offset, dst_offset, src, dst } => {
                    w.put_array(header(EXPERIMENTER));
                    ONF.write(w);
                    ONF_COPY_FIELD.write(w);
                    w.zeros(2);
                    parts::write_copy([*n_bits, *src_offset, *dst_offset], [src, dst], w);
                }
                Action::CopyField { n_bits, src_offset, dst_offset, src, dst } => {
                    w.put_array(header(COPY_FIELD));
                    parts::write_copy([*n_bits, *src_offset, *dst_offset], [src, dst], w);
                }
                Action::Experimenter { experimenter, data } => {
                    w.put_array(header(EXPERIMENTER));
                    experimenter.write(w);
                    data.write(w);
                }
            }
            w.pad8(start);
            w.patch_len(start + 2, start, "action");
        }
    };
}
pub(super) use actions;
