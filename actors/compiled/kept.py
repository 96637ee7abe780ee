"""Files of compiled code that processes write at the same time.

An index says which file has the code of which version of a function. Numba numbers these files, so that of two
processes that compile different versions at the same time both may take the same number: one's code is then found
under the other's version. Here each file has a name of its own. An index may still lose an entry: that version is
compiled once more.
"""

import secrets
from typing import Any

from numba.core.caching import Cache, IndexDataCacheFile


class _File(IndexDataCacheFile):
    def save(self, key: Any, data: Any) -> None:
        """Keep the code of a version."""
        names = self._load_index()
        if key not in names:
            names[key] = self._data_name(secrets.randbits(62))
            self._save_index(names)
        self._save_data(names[key], data)


def keep_apart(cache: Cache) -> None:
    """Have a cache of numba's name its files so."""
    implementation = cache._impl
    cache._cache_file = _File(
        cache.cache_path, implementation.filename_base, implementation.locator.get_source_stamp()
    )
