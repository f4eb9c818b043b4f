mod dump;
mod expansion;
mod merged_usr;
mod parser;
mod tails;
