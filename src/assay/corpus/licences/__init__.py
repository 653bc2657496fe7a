"""Licences of documents: their SPDX names, and what a lab's policy makes of them."""
