namespace Quorate.Auth;

/// <summary>Who calls, and the revision of the auth data that this was found with (spec 03 §6.6).</summary>
public sealed record AuthInfo(string Username, ulong Revision);
