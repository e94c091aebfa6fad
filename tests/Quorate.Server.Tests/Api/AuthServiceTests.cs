using Google.Protobuf;
using Grpc.Core;
using Quorate.Protocol;
using static Quorate.Server.Tests.Api.Calls;
using Permission = Quorate.Protocol.Authentication.Permission;

namespace Quorate.Server.Tests.Api;

/// <summary>Who may do what, over real gRPC (spec 03 §6).</summary>
public sealed class AuthServiceTests : IAsyncLifetime
{
    private TestServer _server = null!;
    private Protocol.Auth.AuthClient _auth = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await TestServer.StartAsync();
        _auth = new Protocol.Auth.AuthClient(_server.Channel);
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public void It_is_enabled_only_with_somebody_at_the_root()
    {
        Assert.Equal((9, "etcdserver: root user does not exist"), Failure(() => _auth.AuthEnable(new AuthEnableRequest())));
        _auth.UserAdd(new AuthUserAddRequest { Name = "root", Password = "p" });
        Assert.Equal((9, "etcdserver: root user does not have root role"),
            Failure(() => _auth.AuthEnable(new AuthEnableRequest())));
        Assert.Equal((9, "etcdserver: user name already exists"),
            Failure(() => _auth.UserAdd(new AuthUserAddRequest { Name = "root" })));
        Assert.Equal((3, "etcdserver: user name is empty"), Failure(() => _auth.UserAdd(new AuthUserAddRequest())));
        _auth.UserGrantRole(new AuthUserGrantRoleRequest { User = "root", Role = "root" });
        _auth.RoleAdd(new AuthRoleAddRequest { Name = "r" });
        _auth.AuthEnable(new AuthEnableRequest());
        AuthStatusResponse status = _auth.AuthStatus(new AuthStatusRequest());
        Assert.Equal((true, 4UL), (status.Enabled, status.AuthRevision));
        _auth.AuthDisable(new AuthDisableRequest(), With("token", Token("root", "p")));
        Assert.Equal(5UL, _auth.AuthStatus(new AuthStatusRequest()).AuthRevision);
    }

    [Fact]
    public async Task A_users_rights_are_his_roles_and_others_are_told_no()
    {
        string root = Enable();
        global::Grpc.Core.Metadata user = With("authorization", $"Bearer {Token("u", "q")}");
        _server.Keys.Put(new PutRequest { Key = Bytes("foo1") }, user);
        _server.Keys.Range(new RangeRequest { Key = Bytes("foo"), RangeEnd = Bytes("foq") }, user);
        (int, string) denied = (7, "etcdserver: permission denied");
        Assert.Equal(denied,
            Failure(() => _server.Keys.Range(new RangeRequest { Key = Bytes("foo"), RangeEnd = ByteString.CopyFrom(0) }, user)));
        Assert.Equal(denied, Failure(() => _server.Keys.Put(new PutRequest { Key = Bytes("fop1") }, user)));
        Assert.Equal(denied, Failure(() => _server.Keys.Compact(new CompactionRequest { Revision = 1 }, user)));
        Assert.Equal(denied, Failure(() => _auth.UserList(new AuthUserListRequest(), user)));
        Assert.Equal("r1", Assert.Single(_auth.UserGet(new AuthUserGetRequest { Name = "u" }, user).Roles));
        var txn = new TxnRequest();
        txn.Failure.Add(new RequestOp { RequestPut = new PutRequest { Key = Bytes("other") } });
        Assert.Equal(denied, Failure(() => _server.Keys.Txn(txn, user)));
        _server.Keys.Txn(new TxnRequest());
        (int, string) nobody = (3, "etcdserver: user name is empty");
        Assert.Equal(nobody, Failure(() => _server.Keys.Put(new PutRequest { Key = Bytes("foo1") })));
        Assert.Equal(nobody, Failure(() => _server.Keys.Range(new RangeRequest { Key = Bytes("foo1") })));
        Assert.Equal(nobody, Failure(() => new Maintenance.MaintenanceClient(_server.Channel).Status(new StatusRequest())));
        Assert.Equal(nobody, Failure(() => new Cluster.ClusterClient(_server.Channel).MemberList(new MemberListRequest())));
        Assert.Equal((16, "etcdserver: invalid auth token"),
            Failure(() => _server.Keys.Put(new PutRequest { Key = Bytes("foo1") }, With("token", "nonsense"))));
        Assert.Equal((3, "etcdserver: authentication failed, invalid user ID or password"), Failure(() => Token("u", "wrong")));
        _server.Keys.Put(new PutRequest { Key = Bytes("other") }, With("token", root));
        using AsyncDuplexStreamingCall<WatchRequest, WatchResponse> watch = new Watch.WatchClient(_server.Channel).Watch(user);
        await watch.RequestStream.WriteAsync(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = Bytes("other") } });
        Assert.True(await watch.ResponseStream.MoveNext());
        Assert.True(watch.ResponseStream.Current is
        {
            Created: true,
            Canceled: true,
            WatchId: -1,
            CancelReason: "rpc error: code = PermissionDenied desc = etcdserver: permission denied",
        });
    }

    private string Enable()
    {
        _auth.UserAdd(new AuthUserAddRequest { Name = "root", Password = "p" });
        _auth.UserGrantRole(new AuthUserGrantRoleRequest { User = "root", Role = "root" });
        _auth.RoleAdd(new AuthRoleAddRequest { Name = "r1" });
        Grant("foo", "fop", Permission.Types.Type.Readwrite);
        Grant("fop", "foq", Permission.Types.Type.Read);
        _auth.UserAdd(new AuthUserAddRequest { Name = "u", Password = "q" });
        _auth.UserGrantRole(new AuthUserGrantRoleRequest { User = "u", Role = "r1" });
        _auth.AuthEnable(new AuthEnableRequest());
        return Token("root", "p");
    }

    private void Grant(string key, string end, Permission.Types.Type type) =>
        _auth.RoleGrantPermission(new AuthRoleGrantPermissionRequest
        {
            Name = "r1",
            Perm = new Permission { Key = Bytes(key), RangeEnd = Bytes(end), PermType = type },
        });

    private string Token(string name, string password) =>
        _auth.Authenticate(new AuthenticateRequest { Name = name, Password = password }).Token;
}
