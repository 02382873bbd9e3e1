"""From a click or a box to the pixels of an object: one Protocol, several backends."""
