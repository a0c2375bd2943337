"""What the tests of figures share: reading what is written in one."""


def texts(found):
    return [text.get_text() for text in found]
