"""What tokens keep and what they cost: pixels, bits, codecs, time and memory, and all of them side by side."""
