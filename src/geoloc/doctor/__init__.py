# SPDX-License-Identifier: Apache-2.0
"""`geoloc doctor`: what a bug report needs, and what is wrong with an installation; nothing private.

Each section is a module; it is imported only when its turn comes, so that a package which cannot be imported
costs one section.
"""
