"""Wall-clock time: implements the `Clock` port."""

import time


class SystemClock:
    def now_s(self) -> float:
        return time.time()
