"""The weather service: current weather and forecast of a few cities, the same at every start."""

import zlib

from exeat.cli.sample.message import Answer, Request, answer_json, not_found

CITIES = {
    "Oslo": (59.91, 10.75), "Lima": (-12.05, -77.04), "Kyoto": (35.01, 135.77), "Nairobi": (-1.29, 36.82),
    "Lisbon": (38.72, -9.14), "Toronto": (43.65, -79.38),
}  # fmt: skip
SKIES = ("clear", "few clouds", "overcast", "light rain", "rain", "snow")
LONGEST_FORECAST_DAYS = 7


def serve(request: Request) -> Answer:
    """Answer `/current` and `/forecast`."""
    city = next((name for name in CITIES if name.lower() == request.parameter("city").lower()), None)
    match request.method, request.segments:
        case "GET" | "HEAD", ("current",):
            return answer_json({**_place(city), **_weather(city, 0)}, cache_control="private, max-age=60")
        case "GET" | "HEAD", ("forecast",):
            days = request.number("days", 3, LONGEST_FORECAST_DAYS)
            weather = [{"day": day, **_weather(city, day)} for day in range(1, days + 1)]
            return answer_json({**_place(city), "days": weather})
        case _:
            raise not_found()


def _place(city: str | None) -> dict[str, object]:
    if city is None:
        raise not_found(f"No weather is known for that city; there are {', '.join(CITIES)}.")
    latitude, longitude = CITIES[city]
    return {"city": city, "latitude": latitude, "longitude": longitude}


def _weather(city: str | None, day: int) -> dict[str, object]:
    number = zlib.crc32(f"{city} {day}".encode())
    return {"sky": SKIES[number % len(SKIES)], "celsius": number % 350 / 10 - 5, "wind_m_s": number % 120 / 10}
