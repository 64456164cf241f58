"""The authors' released demo of DLCH, and its bugs, each of which can be switched."""
