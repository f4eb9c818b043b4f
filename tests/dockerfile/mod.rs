mod dump;
mod expansion;
mod merged_usr;
mod named;
mod parser;
mod runs;
mod tails;
