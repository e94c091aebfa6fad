using System.Text;
using Google.Protobuf;
using Quorate.Mvcc;
using Quorate.Protocol.Authentication;

namespace Quorate.Auth.Tests;

/// <summary>Which ranges the joined permissions of a user's roles cover (spec 03 §6.6).</summary>
public sealed class RangePermissionsTests
{
    private const Permission.Types.Type Read = Permission.Types.Type.Read;
    private const Permission.Types.Type Write = Permission.Types.Type.Write;
    private const Permission.Types.Type Both = Permission.Types.Type.Readwrite;

    [Fact]
    public void A_permission_on_one_key_covers_that_key_only()
    {
        var permissions = Of(Grant(Both, "a"));
        Assert.True(permissions.MayRead(Range("a")));
        Assert.True(permissions.MayWrite(Range("a")));
        Assert.False(permissions.MayRead(Range("aa")));
        Assert.False(permissions.MayRead(Range("a", "b")));
    }

    [Fact]
    public void Reading_and_writing_are_granted_apart()
    {
        var permissions = Of(Grant(Read, "r", "s"), Grant(Write, "w", "x"));
        Assert.True(permissions.MayRead(Range("r", "s")));
        Assert.False(permissions.MayWrite(Range("r1")));
        Assert.True(permissions.MayWrite(Range("w1")));
        Assert.False(permissions.MayRead(Range("w1")));
    }

    [Fact]
    public void Ranges_of_different_roles_join_where_they_touch()
    {
        var permissions = Of(Grant(Read, "c", "e"), Grant(Read, "a", "c"));
        Assert.True(permissions.MayRead(Range("a", "e")));
        Assert.False(permissions.MayRead(Range("a", "e1")));
    }

    [Fact]
    public void A_gap_between_two_ranges_is_not_covered()
    {
        var permissions = Of(Grant(Read, "a", "b"), Grant(Read, "c", "d"));
        Assert.False(permissions.MayRead(Range("a", "d")));
        Assert.False(permissions.MayRead(Range("b")));
    }

    [Fact]
    public void An_open_end_covers_every_later_key_and_nothing_earlier()
    {
        var permissions = Of(Grant(Both, "m", "\0"));
        Assert.True(permissions.MayRead(Range("m", "\0")));
        Assert.True(permissions.MayWrite(Range("zzz")));
        Assert.False(permissions.MayRead(Range("l", "\0")));
        Assert.False(Of(Grant(Both, "m", "z")).MayRead(Range("m", "\0")));
    }

    [Fact]
    public void No_role_covers_nothing() => Assert.False(new RangePermissions([]).MayRead(Range("a")));

    private static RangePermissions Of(params Permission[] permissions) =>
        new(permissions.Select(permission => new Role { KeyPermission = { permission } }));

    private static Permission Grant(Permission.Types.Type type, string key, string end = "") =>
        new() { PermType = type, Key = ByteString.CopyFromUtf8(key), RangeEnd = ByteString.CopyFromUtf8(end) };

    private static KeyRange Range(string key, string end = "") => new(Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(end));
}
