using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;

namespace Quorate.Auth.Tokens;

/// <summary>Random letters and a log index; every member knows them all, and forgets what was not used for a time (spec 03 §6.4).</summary>
internal sealed class SimpleTokens(TimeProvider time, TimeSpan ttl) : ITokens
{
    private const string Letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    private const int PrefixLength = 16;

    private readonly ConcurrentDictionary<string, Entry> _tokens = new();

    public string NewPrefix() => RandomNumberGenerator.GetString(Letters, PrefixLength);

    public string Assign(string user, string prefix, ulong index, ulong revision)
    {
        string token = string.Create(CultureInfo.InvariantCulture, $"{prefix}.{index}");
        _tokens[token] = new Entry(user, time.GetUtcNow());
        Sweep();
        return token;
    }

    public AuthInfo? Resolve(string token, ulong currentRevision)
    {
        if (!_tokens.TryGetValue(token, out Entry? entry))
        {
            return null;
        }

        DateTimeOffset now = time.GetUtcNow();
        if (now - entry.LastUse > ttl)
        {
            _tokens.TryRemove(token, out _);
            return null;
        }

        entry.LastUse = now;
        return new AuthInfo(entry.User, currentRevision);
    }

    public ulong IndexOf(string token)
    {
        int dot = token.IndexOf('.', StringComparison.Ordinal);
        return dot == PrefixLength && ulong.TryParse(token.AsSpan(dot + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ulong index)
            ? index
            : 0;
    }

    public void Forget(string user)
    {
        foreach ((string token, Entry entry) in _tokens)
        {
            if (entry.User == user)
            {
                _tokens.TryRemove(token, out _);
            }
        }
    }

    public void ForgetAll() => _tokens.Clear();

    private void Sweep()
    {
        DateTimeOffset now = time.GetUtcNow();
        foreach ((string token, Entry entry) in _tokens)
        {
            if (now - entry.LastUse > ttl)
            {
                _tokens.TryRemove(token, out _);
            }
        }
    }

    private sealed class Entry(string user, DateTimeOffset lastUse)
    {
        public string User => user;

        public DateTimeOffset LastUse { get; set; } = lastUse;
    }
}
