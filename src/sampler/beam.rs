#![allow(missing_docs)]
#[derive(Debug)]
pub struct BeamStep;
pub struct Beam;
pub enum EarlyStopping {}
pub struct LiveBeam;
