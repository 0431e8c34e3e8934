"""Text, without torch: cleaned, spelled into ids, and added like vectors.

    "A Photo, of a DOG!!!"  ─ clean ─►  "a photo, of a dog!!!"  ─ spell ─►  49406 320 1125 267 … 995 49407

A speller takes texts and gives `Words`. What a user types is text: nothing in it becomes a control token.
"""
